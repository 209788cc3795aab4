"""Cross-entropy of the next symbol, in nats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.parts.objectives import Objective, prediction_loss


@dataclass(kw_only=True)
class CrossEntropy(Objective):
    """-log p_model(y_t | what was fed), in nats."""

    for_symbols: ClassVar[bool] = True

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch O"], targets: Int[torch.Tensor, "*batch"]
    ) -> Float[torch.Tensor, "*batch"]:
        return prediction_loss(outputs, targets)
