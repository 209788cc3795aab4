"""Hydra's overrides and presets become experiments here, and nowhere else."""
