"""Configuration of an experiment, its compatibility rules and its identity."""
