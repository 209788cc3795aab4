"""Long short-term memory.

    i = sigmoid(b_i + U_i u + W_i h),  f = sigmoid(b_f + U_f u + W_f h),  o = sigmoid(b_o + U_o u + W_o h),
    g = tanh(b_g + U_g u + W_g h),  c' = f * c + i * g,  h' = o * tanh(c'),  y = d + V h'

(Hochreiter & Schmidhuber 1997 with the forget gate of Gers, Schmidhuber & Cummins 2000; no peepholes, as in `torch.nn.LSTM`).
Weights start in U(-1/sqrt(H), 1/sqrt(H)), as there. Each gate has one bias where torch has the sum of two, which say nothing
more: it starts with half the variance, 1/(3 H) against 2/(3 H), and moves half as far in an update of Adam.

With `layers` above 1 each layer reads the hidden states of the one below in place of u, as in `torch.nn.LSTM`, and the output
map those of the last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.layers import Shape, State, Weights
from freerun.parts.models import scan
from freerun.parts.models._stacked import Stacked


@dataclass(kw_only=True)
class LSTM(Stacked):
    """Long short-term memory with output feedback.

    The weight `gates` holds all of a layer's hidden path: its rows are those of u, the bias and h, its columns i, f, g and o.

    Attributes:
        hidden: H, the width of the hidden state and of the cell of each layer.
        layers: how many layers are on top of each other; the output map reads the last.
        dropout: the share of what a layer hands to the next one that is dropped in training, in [0, 1).
    """

    carried: ClassVar[int] = 2

    def cell(self, inputs: int) -> dict[str, Shape]:
        size = self.hidden
        return {"gates": Shape(rows=inputs + 1 + size, columns=4 * size, bound=1 / math.sqrt(size))}

    def once(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B H"], State]:
        return self.advance(weights, u, state)

    def along(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B H"], State]:
        from freerun.parts.models._memory_scan import MemoryScan

        if type(self) is not LSTM:  # whose step may be another
            return scan(lambda part, old: self.once(weights, part, old), u, state)
        hidden, c = MemoryScan.apply(u, *state, weights["gates"])  # type: ignore[no-untyped-call]
        return hidden, (hidden[-1], c)

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
