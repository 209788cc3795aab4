"""Does the closed loop make single symbols as often as the truth has them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._strings import OfNgrams


@dataclass(kw_only=True)
class Unigrams(OfNgrams):
    """Total variation between the shares of single symbols; see its floor, `unigrams_floor`."""

    n: ClassVar[int] = 1
