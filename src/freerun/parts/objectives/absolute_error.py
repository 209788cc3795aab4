"""Absolute error of the predicted value.

    loss = |o - y|, averaged over the coordinates of a target

Its optimum is the median of what may come, where that of the squared error is the mean: a few targets that nobody could have
foretold pull less. `torch.nn.functional.l1_loss` charges the same. Where the error is exactly 0 the gradient is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.objectives import Objective
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class AbsoluteError(Objective):
    """The absolute error, averaged over the coordinates of a target, in scaled units."""

    for_values: ClassVar[bool] = True

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch O"], targets: Float[torch.Tensor, "*batch O"]
    ) -> Float[torch.Tensor, "*batch"]:
        return (outputs - targets).abs().mean(-1)

    def quantity(self, symbols: bool) -> Quantity:
        return Quantity(label="Loss", unit="scaled", better="lower", range=FROM_0, scale="ratio")
