"""Storage on disk: records, checkpoints, claims, results folders. No torch."""
