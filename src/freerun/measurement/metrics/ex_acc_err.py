"""By how many percent does a model err more in its own company than in the truth's?

%ExAccErr(l) = 100 (R(l) / E(l) - 1)        (Arora et al. 2022, section 4)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.lazy import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._accumulated import OfRatio, accumulated


@dataclass(kw_only=True)
class ExAccErr(OfRatio):
    """The excess accumulated error after l symbols since the release: 0 without exposure bias."""

    kind: ClassVar[str] = "kl"
    off: ClassVar[float] = 100.0

    def unit(self, observed: Observed) -> str:
        return "%"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return accumulated(observed).ex_acc_err()
