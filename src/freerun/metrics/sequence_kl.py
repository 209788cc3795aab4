"""How far is the model from the truth in whole sequences?

KL(P || Q) of the first l symbols / l = 1/l sum_{t<=l} E_{prefix~P} KL(P(. | prefix) || Q(. | prefix))
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.accumulated import Estimated
from freerun.lazy import torch
from freerun.metrics import Comparison, Further, Observed
from freerun.metrics._accumulated import accumulated, applies, asks


@dataclass(kw_only=True)
class SequenceKL(Comparison):
    """KL divergence from the true to the model's distribution of the first l symbols since the release, a step."""

    def applies(self, observed: Observed) -> bool:
        return applies(observed)

    def unit(self, observed: Observed) -> str:
        return "nats per step"

    def asks(self, observed: Observed) -> Further | None:
        return asks(observed)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        values = accumulated(observed).sequence_kl()
        return torch.where(values.isfinite(), values, torch.nan)

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        found = accumulated(observed)
        if not isinstance(found, Estimated):
            return None
        values, wide = self.measure(observed), found.sequence_factor(reverse=False)
        return values / wide, values * wide
