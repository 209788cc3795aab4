"""Does the closed loop make triples of successive symbols as often as the truth has them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._strings import OfNgrams


@dataclass(kw_only=True)
class Trigrams(OfNgrams):
    """Total variation between the shares of triples of successive symbols; see its floor, `trigrams_floor`."""

    n: ClassVar[int] = 3
