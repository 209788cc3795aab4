"""How much further off is a model after l - 1 symbols of its own than after true ones, in total variation?

EB-C(l; TV) = E_{prefix~Q} TV / E_{prefix~P} TV        (He et al. 2021, section 4)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._accumulated import Consistency


@dataclass(kw_only=True)
class EBCTV(Consistency):
    """The consistency ratio in total variation at each step since the release: 1 without exposure bias."""

    kind: ClassVar[str] = "tv"
