"""What do all measures of a long closed loop share? Where they apply, and the mean over nothing but the loop itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.errors import given
from freerun.lazy import torch
from freerun.measures import states
from freerun.measures.fate import Fates, fates
from freerun.metrics import Comparison, Observed, Orbit
from freerun.streams import stream


@dataclass(kw_only=True)
class OfOrbit(Comparison):
    """A measure on `Observed.orbit`: one number, of the test split and of no mode."""

    per: ClassVar[str] = "rollout"

    def applies(self, observed: Observed) -> bool:
        return observed.orbit is not None

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return torch.tensor([self.of(given(observed.orbit))], dtype=torch.float64)

    def fates(self, orbit: Orbit) -> Fates:
        """What became of every orbit, found out once."""
        known: Fates | None = vars(orbit).get("_fates")
        if known is None:
            known = fates(orbit.made, orbit.low, orbit.high)
            vars(orbit)["_fates"] = known
        return known

    @abstractmethod
    def of(self, orbit: Orbit) -> float:
        """The value; NaN is undefined."""


def size(observed: Observed) -> str:
    """How much there is of a loop, for a unit."""
    steps, count = given(observed.orbit).made.shape[:2]
    return f"{count} x {steps} steps"


def divergence(true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
    """D_stsp, by cells up to three dimensions, by mixtures beyond."""
    a, b = true.flatten(0, 1), made.flatten(0, 1)
    if a.shape[1] <= states.BINNED:
        return states.binned(a, b)
    a, b = states.evenly(a, states.CENTRES), states.evenly(b, states.CENTRES)
    return states.mixture(a, b, torch.from_numpy(stream(0, "evaluation/mixture").standard_normal(a.shape)))


def divergence_unit(observed: Observed) -> str:
    """The variant of D_stsp, in words."""
    if observed.data.outputs <= states.BINNED:
        cells = f"{states.BINS} bins a side in the box of the truth, smoothing {states.SMOOTHING:g}"
    else:
        cells = f"mixture of {states.CENTRES}, width {states.WIDTH:g}"
    return f"nats, {cells}, {size(observed)}"
