"""Rules for outputs that are read as distributions of values: the mean, or a draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feedback import Feedback
from freerun.parts.gaussians import Head


@dataclass(kw_only=True)
class MeanOfDistribution(Feedback):
    """The mean of the predicted distribution; differentiable."""

    for_values: ClassVar[bool] = True

    head: Head

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch P"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch Y"]:
        return self.head.mean(outputs)


@dataclass(kw_only=True)
class DrawFromDistribution(Feedback):
    """A draw from the predicted distribution, by inverting it at uniform draws; carries no gradient."""

    for_values: ClassVar[bool] = True
    carries: ClassVar[bool] = False
    random: ClassVar[bool] = True
    random_each: ClassVar[bool] = True

    head: Head

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch P"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch Y"]:
        if uniform is None:
            raise ValueError("sample needs uniform draws")
        said = outputs.detach()
        return self.head.distribution(said).drawn(uniform).to(said.dtype)
