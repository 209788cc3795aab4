"""Hydra's only host: overrides and presets become experiments here, and nowhere else."""
