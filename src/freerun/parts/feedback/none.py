"""No feedback: nothing is fed, the control of a pure transducer whose exposure gap is exactly 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feedback import Feedback


@dataclass(kw_only=True)
class Nothing(Feedback):
    """Nothing is fed back, under any regime: the control whose exposure gap is exactly 0."""

    for_symbols: ClassVar[bool] = True
    for_values: ClassVar[bool] = True
    silent: ClassVar[bool] = True
    carries: ClassVar[bool] = False

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch 0"]:
        return outputs[..., :0]
