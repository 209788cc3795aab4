"""Reliability of sweeps: each module draws cases and checks one; the tests take a few of them, `make soak` all."""
