"""Accumulated error of the closed loop, in steps of a true prefix.

AccErr(l) = l R(l) / E(l)        (Arora et al. 2022, section 4)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._accumulated import OfRatio, accumulated
from freerun.store.quantity import FROM_0, INSIDE_SUPPORT, Quantity


@dataclass(kw_only=True)
class AccErr(OfRatio):
    """The accumulated error after l symbols since the release, in steps of a true prefix: l without exposure bias."""

    kind: ClassVar[str] = "kl"

    quantity = Quantity(
        label="Accumulated error (AccErr)", unit="steps", better="neither", range=FROM_0, part="diagnostic",
        blind=("how large the error under forcing is",), conditioned=INSIDE_SUPPORT, left_out="left_support",
    )  # fmt: skip

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return accumulated(observed).acc_err()
