"""Does the closed loop come to rest? See `freerun.measures.fate`."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measures.fate import END, STILL
from freerun.metrics import Observed, Orbit
from freerun.metrics._orbits import OfOrbit, size


@dataclass(kw_only=True)
class ShareResting(OfOrbit):
    """The share of long closed loops that end at a fixed point."""

    def unit(self, observed: Observed) -> str:
        return f"share of orbits, still to {STILL:g} ranges in the last {END:.0%}, {size(observed)}"

    def of(self, orbit: Orbit) -> float:
        return float(self.fates(orbit).rests.double().mean())
