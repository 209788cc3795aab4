"""Does the closed loop run away? See `freerun.measurement.statistics.orbit_fate`."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measurement.metrics import Observed, Orbit
from freerun.measurement.metrics._orbits import OfOrbit, size
from freerun.measurement.statistics.orbit_fate import BEYOND


@dataclass(kw_only=True)
class ShareLeft(OfOrbit):
    """The share of long closed loops that leave the range of the training data by half of it, or every bound."""

    def unit(self, observed: Observed) -> str:
        return f"share of orbits, {BEYOND:g} ranges beyond, {size(observed)}"

    def of(self, orbit: Orbit) -> float:
        return float(self.fates(orbit).left.double().mean())
