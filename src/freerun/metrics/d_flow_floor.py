"""What would d_flow be for a perfect model? The true system against itself, from other places, at the same length."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measures.direction import LAG, PAIRS, displacement_energy
from freerun.metrics import Observed, Orbit
from freerun.metrics._orbits import OfOrbit, size


@dataclass(kw_only=True)
class DFlowFloor(OfOrbit):
    """Energy distance between states with their displacements, of the true system."""

    def unit(self, observed: Observed) -> str:
        return f"std, lag {LAG}, {PAIRS} pairs of {size(observed)}"

    def of(self, orbit: Orbit) -> float:
        return displacement_energy(orbit.true, orbit.again)
