"""Does the closed loop make pairs of successive symbols as often as the truth has them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._strings import OfNgrams


@dataclass(kw_only=True)
class Bigrams(OfNgrams):
    """Total variation between the shares of pairs of successive symbols; see its floor, `bigrams_floor`."""

    n: ClassVar[int] = 2
