"""What would d_flow be for a perfect model? The true system against itself, from other places, at the same length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._orbits import OfDirection


@dataclass(kw_only=True)
class DFlowFloor(OfDirection):
    """Energy distance between states with their displacements, of the true system."""

    floor: ClassVar[bool] = True
