"""What is kept on disk: records, checkpoints, claims, results folders. No torch."""
