"""Are the strings of the closed loop as long as the true ones?"""

from __future__ import annotations

from dataclasses import dataclass

from freerun.measurement.metrics._strings import OfLengths


@dataclass(kw_only=True)
class Lengths(OfLengths):
    """Total variation between the lengths of strings up to the end symbol; see its floor, `lengths_floor`."""
