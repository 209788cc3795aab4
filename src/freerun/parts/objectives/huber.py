"""Huber loss of the predicted value: squared where the error is small, absolute where it is large.

    loss = r^2 / 2                   where |r| <= delta,   r = o - y in scaled units
         = delta (|r| - delta / 2)   elsewhere,            averaged over the coordinates of a target

(Huber 1964, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 73.) The gradient of one
coordinate is r, cut off at +-delta. `torch.nn.functional.huber_loss` charges the same; it is half the squared error as long as
no error exceeds delta.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.objectives import Objective
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class Huber(Objective):
    """The Huber loss, averaged over the coordinates of a target, in scaled units.

    Attributes:
        delta: the error, in scaled units, up to which the loss is squared and from which on it is absolute.
    """

    for_values: ClassVar[bool] = True

    delta: float = 1.0

    def __post_init__(self) -> None:
        require(1e-6 <= self.delta <= 1e6, "delta", self.delta, "lie in [1e-6, 1e6]")

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch O"], targets: Float[torch.Tensor, "*batch O"]
    ) -> Float[torch.Tensor, "*batch"]:
        error = (outputs - targets).abs()
        near = error.clamp(max=self.delta)  # so that a huge error is never squared
        return torch.where(error <= self.delta, 0.5 * near * near, self.delta * (error - 0.5 * self.delta)).mean(-1)

    def quantity(self, symbols: bool) -> Quantity:
        """Return the meaning of the loss; losses of two deltas are two quantities."""
        unit = f"scaled^2, Huber at {self.delta:g}"
        return Quantity(label="Loss", unit=unit, better="lower", range=FROM_0, scale="ratio")
