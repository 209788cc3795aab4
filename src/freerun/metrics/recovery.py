"""How much worse is a model after a prefix that it spoiled itself, while the truth speaks on?

The excess KL at each step since the release over a control whose prefix came from the truth; undefined at the steps that the
model spoils. How it is measured: `freerun.metrics._recovery`.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.accumulated import half_width
from freerun.lazy import torch
from freerun.metrics import Comparison, Further, Observed
from freerun.metrics._recovery import PAIRS, applies, asks, excess


@dataclass(kw_only=True)
class Recovery(Comparison):
    """The excess KL after a prefix that the model spoiled itself and the truth continues: decays where it recovers."""

    def applies(self, observed: Observed) -> bool:
        return applies(observed)

    def unit(self, observed: Observed) -> str:
        return "nats"

    def asks(self, observed: Observed) -> Further | None:
        return asks(observed)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return excess(observed).values

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        found = excess(observed)
        half = torch.where(found.differ >= PAIRS, half_width(found.errors), torch.nan)
        return found.values - half, found.values + half
