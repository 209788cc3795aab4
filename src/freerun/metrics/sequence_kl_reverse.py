"""How far is the truth from what the model writes, in whole sequences?

KL(Q || P) of the first l symbols / l = 1/l sum_{t<=l} E_{prefix~Q} KL(Q(. | prefix) || P(. | prefix))
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.accumulated import Estimated
from freerun.lazy import torch
from freerun.metrics import Comparison, Further, Observed
from freerun.metrics._accumulated import accumulated, applies, asks


@dataclass(kw_only=True)
class SequenceKLReverse(Comparison):
    """KL divergence from the model's to the true distribution of the first l symbols, a step.

    It is infinite, and so undefined, once the model can leave the source's support; `left_support` says with what probability.
    """

    def applies(self, observed: Observed) -> bool:
        return applies(observed)

    def unit(self, observed: Observed) -> str:
        return "nats per step"

    def asks(self, observed: Observed) -> Further | None:
        return asks(observed)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        values = accumulated(observed).sequence_kl_reverse()
        return torch.where(values.isfinite(), values, torch.nan)

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        found = accumulated(observed)
        if not isinstance(found, Estimated):
            return None
        values, wide = self.measure(observed), found.sequence_factor(reverse=True)
        return values / wide, values * wide
