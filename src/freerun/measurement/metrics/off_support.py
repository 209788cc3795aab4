"""Share of sequences whose fed prefix is outside the source's support."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Metric, Observed
from freerun.store.quantity import ONE_STRING, SHARE, Quantity


@dataclass(kw_only=True)
class OffSupport(Metric):
    """The share of sequences whose fed prefix has probability 0 under the source."""

    quantity = Quantity(label="Off-support share", unit="share", better="lower", range=SHARE, floor=0.0, blind=(ONE_STRING,))

    def applies(self, observed: Observed) -> bool:
        return observed.has_oracle and observed.heard

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        outside = (~observed.truth().inside).double()
        return observed.mean(outside, torch.ones_like(outside))
