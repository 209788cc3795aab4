"""KL divergences between whole sequences, a step, in both directions.

    KL(P || Q) of the first l symbols / l = 1/l sum_{t<=l} E_{prefix~P} KL(P(. | prefix) || Q(. | prefix))
    KL(Q || P) of the first l symbols / l = 1/l sum_{t<=l} E_{prefix~Q} KL(Q(. | prefix) || P(. | prefix))

The second is infinite, and so undefined, once the model can leave the source's support; `left_support` says with what
probability.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.accumulated_error_estimate import Estimated
from freerun.measurement.metrics import Observed, family
from freerun.measurement.metrics._accumulated import OfPrefixes, accumulated
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class OfSequences(OfPrefixes):
    """A KL divergence between whole sequences, a step; undefined where it is infinite."""

    reverse: ClassVar[bool]

    quantity = Quantity(
        label="KL of sequences",
        unit="nats per step",
        better="lower",
        range=FROM_0,
        floor=0.0,
        blind=("a little probability on strings that cannot come",),
    )

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        gathered = accumulated(observed)
        values = gathered.sequence_kl_reverse() if self.reverse else gathered.sequence_kl()
        return torch.where(values.isfinite(), values, torch.nan)

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        gathered = accumulated(observed)
        if not isinstance(gathered, Estimated):
            return None
        values, wide = self.measure(observed), gathered.sequence_factor(reverse=self.reverse)
        return values / wide, values * wide


PARTS = family(
    OfSequences,
    {
        "sequence_kl": {
            "reverse": False,
            "quantity": replace(OfSequences.quantity, label="KL(P||Q) of sequences"),
            "__doc__": (
                "KL divergence from the true to the model's distribution of the first l symbols since the release, a step."
            ),
        },
        "sequence_kl_reverse": {
            "reverse": True,
            "quantity": replace(OfSequences.quantity, label="KL(Q||P) of sequences", blind=("what the model never writes",)),
            "__doc__": "KL divergence from the model's to the true distribution of the first l symbols, a step.",
        },
    },
)
