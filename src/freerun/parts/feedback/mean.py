"""Mean feedback: the predicted value is fed, as by a forecaster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feedback import Feedback
from freerun.parts.gaussians import Head


@dataclass(kw_only=True)
class Mean(Feedback):
    """The predicted value itself, for real-valued targets; of a predicted distribution its mean; differentiable."""

    for_values: ClassVar[bool] = True

    def reading(self, head: Head | None) -> Feedback:
        from freerun.parts.feedback._of_distribution import MeanOfDistribution

        return self if head is None else MeanOfDistribution(head=head)

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch K"]:
        return outputs
