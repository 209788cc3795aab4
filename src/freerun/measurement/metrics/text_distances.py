"""Distances of the closed loop's text from the true one, for text of which no oracle is known.

What they are and why they are 0 in mean where the closed loop writes as the truth does:
`freerun.measurement.statistics.text_distance`. Both are of the closed loop alone: forced and free are on one scale for the
truth only, so that no exposure bias can be read from them.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._text import OfText, compared
from freerun.measurement.statistics.text_distance import LONGEST, ORDER, Estimate
from freerun.store.quantity import Quantity

#: A copy of the training part is text of the truth's own kind; `copied` counts it.
COPIES = "text that was copied from the training part"


@dataclass(kw_only=True)
class OfBoth(OfText):
    """A distance with its interval over blocks of text."""

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return _one(self.of(observed).value)

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]]:
        estimate = self.of(observed)
        return _one(estimate.low), _one(estimate.high)

    @abstractmethod
    def of(self, observed: Observed) -> Estimate:
        """The distance."""


@dataclass(kw_only=True)
class ExcessCrossEntropy(OfBoth):
    """Excess cross-entropy, both ways, between 5-gram models of the closed loop's text and the true one: 0 for the truth."""

    selects: ClassVar[bool] = True

    quantity = Quantity(
        label="Excess cross-entropy", unit=f"nats, {ORDER}-gram models", better="lower", floor=0.0, part="headline",
        blind=(f"what hangs together over more than {ORDER} symbols", COPIES),
    )  # fmt: skip

    def of(self, observed: Observed) -> Estimate:
        return compared(observed).excess


@dataclass(kw_only=True)
class NgramDivergence(OfBoth):
    """Jensen-Shannon divergence of the shares of 1 to 4 successive symbols, less half of both floors: 0 for the truth."""

    quantity = Quantity(
        label="N-gram divergence", unit=f"nats, mean of 1 to {LONGEST} symbols", better="lower",
        range=(-math.log(2), math.log(2)),
        floor=0.0, part="headline", blind=(f"what hangs together over more than {LONGEST} symbols", COPIES),
    )  # fmt: skip

    def of(self, observed: Observed) -> Estimate:
        return compared(observed).divergence


@dataclass(kw_only=True)
class NgramDivergenceFloor(OfText):
    """Jensen-Shannon divergence of the shares of 1 to 4 successive symbols between two true texts; half is taken off."""

    quantity = Quantity(
        label="N-gram divergence, floor of the truth", unit=f"nats, mean of 1 to {LONGEST} symbols", better="neither",
        range=(0.0, math.log(2)), part="diagnostic",
    )  # fmt: skip

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        floors = compared(observed).floors
        return _one(sum(floors) / len(floors))


def _one(value: float) -> Float[torch.Tensor, " S"]:
    return torch.tensor([value], dtype=torch.float64)


PARTS = {
    "excess_cross_entropy": ExcessCrossEntropy,
    "ngram_divergence": NgramDivergence,
    "ngram_divergence_floor": NgramDivergenceFloor,
}
