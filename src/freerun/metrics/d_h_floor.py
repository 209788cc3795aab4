"""What would D_H be for a perfect model? The true system against itself, from other places, at the same length."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measures.spectra import SMOOTH, hellinger
from freerun.metrics import Observed, Orbit
from freerun.metrics._orbits import OfOrbit, size


@dataclass(kw_only=True)
class DHFloor(OfOrbit):
    """D_H of the true system."""

    def unit(self, observed: Observed) -> str:
        return f"share, smoothed over {SMOOTH:g} frequencies, {size(observed)}"

    def of(self, orbit: Orbit) -> float:
        return hellinger(orbit.true, orbit.again)
