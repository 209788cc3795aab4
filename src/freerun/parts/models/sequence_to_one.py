"""Many-to-one network: one output, or one summary, for a whole sequence.

    h_t = tanh(b + W h_{t-1} + U x_t),  o = c + V h_T        (Goodfellow et al. 2016, figure 10.5)

The output comes once, at the end, and nothing is fed back: every regime is the same experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import Shape, State, Weights
from freerun.parts.models import Model
from freerun.parts.models.hidden_recurrent import HiddenRecurrent


@dataclass(kw_only=True)
class SequenceToOne(Model):
    """Reads a whole sequence and gives one output (or one fixed-size summary) at its end.

    Attributes:
        hidden: H, the width of the hidden state, which is the summary.
    """

    emits: ClassVar[str] = "last"

    hidden: int = 64

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")

    def reader(self) -> HiddenRecurrent:
        """Return the recurrent network that reads the sequence."""
        return HiddenRecurrent(hidden=self.hidden)

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        return self.reader().shapes(inputs, outputs)

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return self.reader().start(replicas, batch, like)

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        return self.reader().step(weights, u, state)

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        """As the law demands, an output after every step; `freerun.engine.rollout` keeps the last."""
        return self.reader().unroll(weights, u, state)
