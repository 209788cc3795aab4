"""How many steps' worth of error does a model gather in its own company?

AccErr(l) = l R(l) / E(l)        (Arora et al. 2022, section 4)
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Comparison, Further, Observed
from freerun.metrics._accumulated import accumulated, applies, around, asks


@dataclass(kw_only=True)
class AccErr(Comparison):
    """The accumulated error after l symbols since the release, in steps of a true prefix: l without exposure bias."""

    def applies(self, observed: Observed) -> bool:
        return applies(observed)

    def unit(self, observed: Observed) -> str:
        return "steps"

    def asks(self, observed: Observed) -> Further | None:
        return asks(observed)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return accumulated(observed).acc_err()

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        ends = around(observed, "kl")
        return None if ends is None else (accumulated(observed).acc_err() * ends[0], accumulated(observed).acc_err() * ends[1])
