"""Excess KL after a prefix that the model spoiled itself, while the truth speaks on.

The excess KL at each step since the release over a control whose prefix came from the truth; undefined at the steps that the
model spoils. How it is measured: `freerun.measurement.metrics._recovery`.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._recovery import PAIRS, OfRecovery, excess
from freerun.store.quantity import Quantity


@dataclass(kw_only=True)
class Recovery(OfRecovery):
    """The excess KL after a prefix that the model spoiled itself and the truth continues: decays where it recovers."""

    quantity = Quantity(label="Excess KL after a spoiled prefix", unit="nats", better="neither", floor=0.0, part="diagnostic")

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return excess(observed).values

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        measured = excess(observed)
        half = torch.where(measured.differ >= PAIRS, half_width(measured.errors), torch.nan)
        return measured.values - half, measured.values + half
