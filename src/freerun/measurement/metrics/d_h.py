"""Does the closed loop move at the speeds of the true system? D_H, see `freerun.measurement.statistics.power_spectra`."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measurement.metrics._orbits import OfSpectra


@dataclass(kw_only=True)
class DH(OfSpectra):
    """Hellinger distance between power spectra; see its floor, `d_h_floor`."""
