"""Does the closed loop move at the speeds of the true system? D_H, see `freerun.measures.spectra`."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measures.spectra import SMOOTH, hellinger
from freerun.metrics import Observed, Orbit
from freerun.metrics._orbits import OfOrbit, size


@dataclass(kw_only=True)
class DH(OfOrbit):
    """Hellinger distance between power spectra; see its floor, `d_h_floor`."""

    def unit(self, observed: Observed) -> str:
        return f"share, smoothed over {SMOOTH:g} frequencies, {size(observed)}"

    def of(self, orbit: Orbit) -> float:
        return hellinger(orbit.true, orbit.made)
