"""Does the closed loop go round in circles? See `freerun.measurement.statistics.orbit_fate`."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measurement.metrics import Observed, Orbit
from freerun.measurement.metrics._orbits import OfOrbit, size
from freerun.measurement.statistics.orbit_fate import END


@dataclass(kw_only=True)
class ShareCycling(OfOrbit):
    """The share of long closed loops that end in a cycle."""

    def unit(self, observed: Observed) -> str:
        return f"share of orbits, back to within a step in the last {END:.0%}, {size(observed)}"

    def of(self, orbit: Orbit) -> float:
        return float(self.fates(orbit).cycles.double().mean())
