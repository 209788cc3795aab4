"""Largest Lyapunov exponent of the true system, from its equations."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Observed, Orbit
from freerun.measurement.metrics._orbits import OfOrbit
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class LyapunovTrue(OfOrbit):
    """The largest Lyapunov exponent of the true system, where it is positive."""

    quantity = Quantity(
        label="Largest Lyapunov exponent, truth", unit="1/step", better="neither", range=FROM_0, part="diagnostic"
    )

    def applies(self, observed: Observed) -> bool:
        return super().applies(observed) and observed.experiment.task.lyapunov_steps() is not None

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return torch.tensor([1 / given(observed.experiment.task.lyapunov_steps())], dtype=torch.float64)

    def of(self, orbit: Orbit) -> float:
        """Not used: the value comes from the task, not from an orbit."""
        raise NotImplementedError
