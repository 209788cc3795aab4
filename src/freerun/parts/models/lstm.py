"""Long short-term memory.

    i = sigmoid(b_i + U_i u + W_i h),  f = sigmoid(b_f + U_f u + W_f h),  o = sigmoid(b_o + U_o u + W_o h),
    g = tanh(b_g + U_g u + W_g h),  c' = f * c + i * g,  h' = o * tanh(c'),  y = d + V h'

(Hochreiter & Schmidhuber 1997 with the forget gate of Gers, Schmidhuber & Cummins 2000; no peepholes, as in `torch.nn.LSTM`).
Weights start in U(-1/sqrt(H), 1/sqrt(H)), as there. Each gate has one bias where torch has the sum of two, which say nothing
more: it starts with half the variance, 1/(3 H) against 2/(3 H), and moves half as far in an update of Adam.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import Shape, State, Weights, linear, over_time, project
from freerun.parts.models import Model, scan


@dataclass(kw_only=True)
class LSTM(Model):
    """Long short-term memory with output feedback.

    The weight `gates` holds all of the hidden path: its rows are those of u, the bias and h, its columns i, f, g and o.

    Attributes:
        hidden: H, the width of the hidden state and of the cell.
    """

    hidden: int = 64

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        size = self.hidden
        gates = Shape(rows=inputs + 1 + size, columns=4 * size, bound=1 / math.sqrt(size))
        return {"gates": gates} | linear("output", size, outputs)

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return (like.new_zeros(replicas, batch, self.hidden), like.new_zeros(replicas, batch, self.hidden))

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        h, state = self.advance(weights, u, state)
        return project(weights, "output", h), state

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        hidden, state = scan(lambda part, old: self.advance(weights, part, old), u, state)
        return over_time(lambda flat: project(weights, "output", flat), hidden), state

    def advance(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B H"], State]:
        """Run the hidden path alone: h_t, and the state (h_t, c_t).

        A gate is a stretch of the columns of one product. Such a view is worked through row by row, so that its logistic
        function has the same bits for a replica alone and in any group, as a whole tensor's would not.
        """
        h, c = state
        x = torch.cat([u, u.new_ones(*u.shape[:2], 1), h], -1)
        i, f, g, o = torch.bmm(x, weights["gates"]).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)
