"""Training engine: the loop over time, replicas, the optimizer. Torch, no disk."""
