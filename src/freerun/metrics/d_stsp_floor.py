"""What would D_stsp be for a perfect model? The true system against itself, from other places, at the same length."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.metrics import Observed, Orbit
from freerun.metrics._orbits import OfOrbit, divergence, divergence_unit


@dataclass(kw_only=True)
class DStspFloor(OfOrbit):
    """D_stsp of the true system."""

    def unit(self, observed: Observed) -> str:
        return divergence_unit(observed)

    def of(self, orbit: Orbit) -> float:
        return divergence(orbit.true, orbit.again)
