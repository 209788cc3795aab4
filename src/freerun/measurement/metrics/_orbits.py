"""Base classes of the metrics of long closed loops: where they apply, and a mean over the loop itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.errors import given
from freerun.lazy import torch
from freerun.measurement.metrics import Comparison, Observed, Orbit


@dataclass(kw_only=True)
class OfOrbit(Comparison):
    """A measure on `Observed.orbit`: one number, of the test split and of no mode."""

    per: ClassVar[str] = "rollout"

    def applies(self, observed: Observed) -> bool:
        return observed.orbit is not None

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return torch.tensor([self.of(given(observed.orbit))], dtype=torch.float64)

    @abstractmethod
    def of(self, orbit: Orbit) -> float:
        """The value; NaN is undefined."""


def size(observed: Observed) -> str:
    """How much there is of a loop, for a unit."""
    steps, count = given(observed.orbit).made.shape[:2]
    return f"{count} x {steps} steps"
