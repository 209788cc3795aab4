"""Argmax feedback: the most probable symbol is fed, as in greedy decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.parts.feedback import Feedback, one_hot


@dataclass(kw_only=True)
class Argmax(Feedback):
    """The most probable symbol, the first of equals; carries no gradient."""

    for_symbols: ClassVar[bool] = True
    discrete: ClassVar[bool] = True
    carries: ClassVar[bool] = False

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch K"]:
        logits = outputs.detach()
        return one_hot(logits.argmax(-1), logits)

    def symbols(self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None) -> Int[torch.Tensor, "*batch"]:
        return outputs.detach().argmax(-1)
