"""Could chance alone have moved what is fed so far from training?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Observed
from freerun.metrics._training import SWAPPED, WholeBesideTraining, kernel_test


@dataclass(kw_only=True)
class FedMMDP(WholeBesideTraining):
    """The p-value of `fed_mmd`: the share of samples swapped at random that are as far apart."""

    part: ClassVar[str] = "fed"

    def unit(self, observed: Observed) -> str:
        return f"p, {SWAPPED} swapped samples"

    def between(self, x: Float[torch.Tensor, "S N D"], y: Float[torch.Tensor, "S N D"]) -> float:
        return kernel_test(x, y).p
