"""Change of the excess KL after a spoiled prefix: self-recovery or incremental distortion.

The mean excess KL (`recovery`) over the later half of the steps less that over the first quarter: where its interval lies
below 0 the excess decays (self-recovery), where above it grows (incremental distortion).
`freerun.analysis.inference.recovery_trend` says it in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._recovery import OfRecovery, change
from freerun.store.quantity import Quantity


@dataclass(kw_only=True)
class RecoveryChange(OfRecovery):
    """How the excess KL after a spoiled prefix changes: below 0 it decays (self-recovery), above it grows (incremental)."""

    per: ClassVar[str] = "rollout"

    quantity = Quantity(
        label="Change of the excess KL", unit="nats", better="neither", signs=("self-recovery", "incremental distortion"),
        conditioned="prefixes that the model spoiled itself and the truth goes on from", part="diagnostic",
    )  # fmt: skip

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return change(observed)[0]

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        values, errors = change(observed)
        half = half_width(errors)
        return values - half, values + half
