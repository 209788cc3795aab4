"""Expected feedback: the whole softmax distribution is fed, no symbol is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feedback import Feedback


@dataclass(kw_only=True)
class Expected(Feedback):
    """The softmax itself, the expected one-hot vector; differentiable."""

    for_symbols: ClassVar[bool] = True

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch K"]:
        return torch.softmax(outputs, -1)
