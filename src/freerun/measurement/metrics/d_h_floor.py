"""What would D_H be for a perfect model? The true system against itself, from other places, at the same length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._orbits import OfSpectra


@dataclass(kw_only=True)
class DHFloor(OfSpectra):
    """D_H of the true system."""

    floor: ClassVar[bool] = True
