"""How much further off is a model after l - 1 symbols of its own than after true ones, in total variation?

EB-C(l; TV) = E_{prefix~Q} TV / E_{prefix~P} TV        (He et al. 2021, section 4)
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Comparison, Further, Observed
from freerun.metrics._accumulated import accumulated, applies, around, asks


@dataclass(kw_only=True)
class EBCTV(Comparison):
    """The consistency ratio in total variation at each step since the release: 1 without exposure bias."""

    def applies(self, observed: Observed) -> bool:
        return applies(observed)

    def unit(self, observed: Observed) -> str:
        return "ratio"

    def asks(self, observed: Observed) -> Further | None:
        return asks(observed)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return accumulated(observed).eb_c("tv")

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        ends = around(observed, "tv")
        return (
            None if ends is None else (accumulated(observed).eb_c("tv") * ends[0], accumulated(observed).eb_c("tv") * ends[1])
        )
