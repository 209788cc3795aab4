"""Does the closed loop run the true way through its states? See `freerun.measures.direction`; it sees time reversal."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measures.direction import LAG, PAIRS, displacement_energy
from freerun.metrics import Observed, Orbit
from freerun.metrics._orbits import OfOrbit, size


@dataclass(kw_only=True)
class DFlow(OfOrbit):
    """Energy distance between states with their displacements; see its floor, `d_flow_floor`."""

    def unit(self, observed: Observed) -> str:
        return f"std, lag {LAG}, {PAIRS} pairs of {size(observed)}"

    def of(self, orbit: Orbit) -> float:
        return displacement_energy(orbit.true, orbit.made)
