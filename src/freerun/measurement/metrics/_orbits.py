"""What do all measures of a long closed loop share? Where they apply, and the mean over nothing but the loop itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.errors import given
from freerun.lazy import torch
from freerun.measurement.metrics import Comparison, Observed, Orbit
from freerun.measurement.statistics import state_distribution
from freerun.measurement.statistics.flow_direction import LAG, PAIRS, displacement_energy
from freerun.measurement.statistics.orbit_fate import Fates, fates
from freerun.measurement.statistics.power_spectra import SMOOTH, hellinger
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


@dataclass(kw_only=True)
class OfTwo(OfOrbit):
    """A distance from the true orbits to others: to the closed loop's, or to more of the truth, which is the floor."""

    floor: ClassVar[bool] = False

    def of(self, orbit: Orbit) -> float:
        return self.between(orbit.true, orbit.again if self.floor else orbit.made)

    @abstractmethod
    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        """The distance; NaN is undefined."""


@dataclass(kw_only=True)
class OfStates(OfTwo):
    """D_stsp, by cells up to three dimensions, by mixtures beyond."""

    def unit(self, observed: Observed) -> str:
        if observed.data.outputs <= state_distribution.BINNED:
            cells = f"{state_distribution.BINS} bins a side in the box of the truth, smoothing {state_distribution.SMOOTHING:g}"
        else:
            cells = f"mixture of {state_distribution.CENTRES}, width {state_distribution.WIDTH:g}"
        return f"nats, {cells}, {size(observed)}"

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        a, b = true.flatten(0, 1), made.flatten(0, 1)
        if a.shape[1] <= state_distribution.BINNED:
            return state_distribution.binned(a, b)
        a, b = (
            state_distribution.evenly(a, state_distribution.CENTRES),
            state_distribution.evenly(b, state_distribution.CENTRES),
        )
        return state_distribution.mixture(a, b, torch.from_numpy(stream(0, "evaluation/mixture").standard_normal(a.shape)))


@dataclass(kw_only=True)
class OfSpectra(OfTwo):
    """D_H: the Hellinger distance between power spectra."""

    def unit(self, observed: Observed) -> str:
        return f"share, smoothed over {SMOOTH:g} frequencies, {size(observed)}"

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        return hellinger(true, made)


@dataclass(kw_only=True)
class OfDirection(OfTwo):
    """The energy distance between states with their displacements."""

    def unit(self, observed: Observed) -> str:
        return f"std, lag {LAG}, {PAIRS} pairs of {size(observed)}"

    def between(self, true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T N D"]) -> float:
        return displacement_energy(true, made)


def size(observed: Observed) -> str:
    """How much there is of a loop, for a unit."""
    steps, count = given(observed.orbit).made.shape[:2]
    return f"{count} x {steps} steps"
