"""Compiled engine: a whole rollout, forward and backward, as one operation in C (docs/engine.md)."""
