"""Mean feedback: the predicted value is fed, as by a forecaster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feedback import Feedback


@dataclass(kw_only=True)
class Mean(Feedback):
    """The predicted value itself, for real-valued targets; differentiable."""

    for_values: ClassVar[bool] = True

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch K"]:
        return outputs
