"""Could chance alone have moved hidden states so far from training?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.metrics import Observed
from freerun.metrics._training import SWAPPED, WholeBesideTraining, kernel_test


@dataclass(kw_only=True)
class HiddenMMDP(WholeBesideTraining):
    """The p-value of `hidden_mmd`: the share of samples swapped at random that are as far apart."""

    part: ClassVar[str] = "hidden"

    def unit(self, observed: Observed) -> str:
        return f"p, {SWAPPED} swapped samples"

    def of(self, observed: Observed) -> float:
        return kernel_test(observed, self.part).p
