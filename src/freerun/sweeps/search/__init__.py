"""Search for the best settings."""
