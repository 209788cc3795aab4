"""How different would the lengths of strings be for a perfect model, in samples of this size?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._strings import OfLengths


@dataclass(kw_only=True)
class LengthsFloor(OfLengths):
    """The mean of `lengths` over samples in which strings changed places with the true ones."""

    floor: ClassVar[bool] = True
