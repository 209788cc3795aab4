"""Straight-through feedback: a whole symbol is fed, the gradient goes through the soft choice.

    forward   e(k), k drawn from softmax(o)                  (or the most probable)
    backward  d softmax(o / temperature) / d o               (Bengio, Leonard & Courville 2013; Goyal et al. 2017)

A biased gradient with the right forward pass: in closed loop it feeds exactly what `sample` (or `argmax`) feeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feedback._annealed import Annealed
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.sample import Sample


class Choice(Enum):
    """How the symbol is chosen."""

    sample = "sample"
    argmax = "argmax"


@dataclass(kw_only=True)
class StraightThrough(Annealed):
    """One-hot forward, soft backward.

    Attributes:
        choose: `sample` draws the symbol, `argmax` takes the most probable.
    """

    discrete: ClassVar[bool] = True

    choose: Choice = Choice.sample

    @property
    def random(self) -> bool:  # type: ignore[override]
        return self.choose is Choice.sample

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch K"]:
        chosen = (Sample() if self.choose is Choice.sample else Argmax())(outputs, uniform)
        soft = torch.softmax(outputs / self.temperature, -1)
        return chosen + (soft - soft.detach())
