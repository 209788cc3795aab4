"""Does the closed loop come to rest? See `freerun.measurement.statistics.orbit_fate`."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measurement.metrics import Observed, Orbit
from freerun.measurement.metrics._orbits import OfOrbit, size
from freerun.measurement.statistics.orbit_fate import END, STILL


@dataclass(kw_only=True)
class ShareResting(OfOrbit):
    """The share of long closed loops that end at a fixed point."""

    def unit(self, observed: Observed) -> str:
        return f"share of orbits, still to {STILL:g} ranges in the last {END:.0%}, {size(observed)}"

    def of(self, orbit: Orbit) -> float:
        return float(self.fates(orbit).rests.double().mean())
