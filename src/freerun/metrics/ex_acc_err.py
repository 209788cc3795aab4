"""By how many percent does a model err more in its own company than in the truth's?

%ExAccErr(l) = 100 (R(l) / E(l) - 1)        (Arora et al. 2022, section 4)
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Comparison, Further, Observed
from freerun.metrics._accumulated import accumulated, applies, around, asks


@dataclass(kw_only=True)
class ExAccErr(Comparison):
    """The excess accumulated error after l symbols since the release: 0 without exposure bias."""

    def applies(self, observed: Observed) -> bool:
        return applies(observed)

    def unit(self, observed: Observed) -> str:
        return "%"

    def asks(self, observed: Observed) -> Further | None:
        return asks(observed)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return accumulated(observed).ex_acc_err()

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        ends = around(observed, "kl")
        return (
            None
            if ends is None
            else (
                (accumulated(observed).ex_acc_err() + 100) * ends[0] - 100,
                (accumulated(observed).ex_acc_err() + 100) * ends[1] - 100,
            )
        )
