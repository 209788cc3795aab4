"""Jordan network: recurrence through the output alone.

    h_t = tanh(b + U u_t),  o_t = c + V h_t,  u_t = [x_t ; f_{t-1}]        (Jordan 1986; Goodfellow et al. 2016, section 10.2.1)

There is no hidden-to-hidden path. Under teacher forcing all steps are therefore decoupled, and `unroll` is one product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import Shape, State, Weights, linear, over_time, project
from freerun.parts.models import Model


@dataclass(kw_only=True)
class OutputRecurrent(Model):
    """Jordan network: the only memory is what was fed back.

    Attributes:
        hidden: H, the width of the hidden layer.
    """

    memoryless: ClassVar[bool] = True

    hidden: int = 64

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        return linear("input", inputs, self.hidden) | linear("output", self.hidden, outputs)

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return ()

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        return project(weights, "output", torch.tanh(project(weights, "input", u))), state

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        return over_time(lambda flat: self.step(weights, flat, state)[0], u), state
