"""Squared error of the predicted value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.objectives import Objective, prediction_loss


@dataclass(kw_only=True)
class SquaredError(Objective):
    """The squared error, averaged over the coordinates of a target, in scaled units."""

    for_values: ClassVar[bool] = True

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch O"], targets: Float[torch.Tensor, "*batch O"]
    ) -> Float[torch.Tensor, "*batch"]:
        return prediction_loss(outputs, targets)
