"""Execution of planned runs: groups, workers, launchers, resumption."""
