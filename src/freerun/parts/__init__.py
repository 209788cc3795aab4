"""Parts of an experiment, one file each, and the registry that finds them."""
