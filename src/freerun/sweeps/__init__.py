"""Studies and sweeps: lists of runs, done to the end."""
