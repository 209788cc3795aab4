"""How different would the shares of single symbols be for a perfect model, in samples of this size?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._strings import OfNgrams


@dataclass(kw_only=True)
class UnigramsFloor(OfNgrams):
    """The mean of `unigrams` over samples in which strings changed places with the true ones."""

    n: ClassVar[int] = 1
    floor: ClassVar[bool] = True
