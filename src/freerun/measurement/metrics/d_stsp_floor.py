"""What would D_stsp be for a perfect model? The true system against itself, from other places, at the same length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._orbits import OfStates


@dataclass(kw_only=True)
class DStspFloor(OfStates):
    """D_stsp of the true system."""

    floor: ClassVar[bool] = True
