"""How different would the shares of pairs of successive symbols be for a perfect model, in samples of this size?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._strings import OfNgrams


@dataclass(kw_only=True)
class BigramsFloor(OfNgrams):
    """The mean of `bigrams` over samples in which strings changed places with the true ones."""

    n: ClassVar[int] = 2
    floor: ClassVar[bool] = True
