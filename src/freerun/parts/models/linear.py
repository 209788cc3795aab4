"""Linear model: a vector autoregression of order 1 whose regressor is the feed.

    o_t = c + W u_t,  u_t = [x_t ; f_{t-1}]

A vector autoregression of order 1 whose regressor is the feed; with `bias=False` and one value fed it is a single weight,
yhat_{t+1} = a f_t, for which the effect of every regime can be worked out by hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.layers import Shape, State, Weights, linear, over_time, project
from freerun.parts.models import Model


@dataclass(kw_only=True)
class Linear(Model):
    """Linear map of the input and of what was fed back, which is the only memory.

    Attributes:
        bias: whether there is a constant c.
    """

    memoryless: ClassVar[bool] = True

    bias: bool = True

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        if self.bias:
            return linear("output", inputs, outputs)
        return {"output.weight": Shape(rows=inputs, columns=outputs, bound=1 / math.sqrt(max(1, inputs)))}

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return ()

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        if not self.bias:
            weight = weights["output.weight"]
            weights = {**weights, "output.bias": weight.new_zeros(len(weight), 1, weight.shape[-1])}
        return project(weights, "output", u), state

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        return over_time(lambda flat: self.step(weights, flat, state)[0], u), state
