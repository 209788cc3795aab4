"""How far off is the predicted value?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.lazy import torch
from freerun.objectives import Objective


@dataclass(kw_only=True)
class SquaredError(Objective):
    """The squared error, averaged over the coordinates of a target, in scaled units."""

    symbols: ClassVar[bool] = False
    unit: ClassVar[str] = "scaled^2"

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch O"], targets: Float[torch.Tensor, "*batch O"]
    ) -> Float[torch.Tensor, "*batch"]:
        return (outputs - targets).square().mean(-1)
