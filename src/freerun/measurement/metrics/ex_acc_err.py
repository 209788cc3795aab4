"""Excess accumulated error, in percent: own prefixes over true ones.

%ExAccErr(l) = 100 (R(l) / E(l) - 1)        (Arora et al. 2022, section 4)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._accumulated import OfRatio, accumulated
from freerun.store.quantity import INSIDE_SUPPORT, Quantity


@dataclass(kw_only=True)
class ExAccErr(OfRatio):
    """The excess accumulated error after l symbols since the release: 0 without exposure bias."""

    kind: ClassVar[str] = "kl"
    off: ClassVar[float] = 100.0

    quantity = Quantity(
        label="Excess accumulated error (%ExAccErr)", unit="%", better="neither", range=(-100.0, math.inf), part="diagnostic",
        blind=("how large the error under forcing is",), conditioned=INSIDE_SUPPORT, left_out="left_support",
    )  # fmt: skip

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return accumulated(observed).ex_acc_err()
