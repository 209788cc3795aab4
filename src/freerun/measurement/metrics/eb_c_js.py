"""How much further off is a model after l - 1 symbols of its own than after true ones, in Jensen-Shannon divergence?

EB-C(l; JS) = E_{prefix~Q} JS / E_{prefix~P} JS        (He et al. 2021, section 4)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._accumulated import Consistency


@dataclass(kw_only=True)
class EBCJS(Consistency):
    """The consistency ratio in Jensen-Shannon divergence at each step since the release: 1 without exposure bias."""

    kind: ClassVar[str] = "js"
