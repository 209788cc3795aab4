"""Minimal gated recurrent unit: a GRU whose gate sees the input alone, so that all steps are made at once.

    z_t = sigmoid(b_z + W_z u_t),   n_t = b_n + W_n u_t,   h_t = (1 - z_t) * h_{t-1} + z_t * n_t

minGRU (Feng et al. 2024, "Were RNNs all we needed?", section 3.1.2) in its plain form, without the logarithms of their
appendix B. Nothing of h_{t-1} is in a gate or in n_t, so that the recurrence is diagonal and linear: with the truth fed,
`unroll` makes it by a parallel scan. What is not linear in the state is the readout,

    m_t = d + M [h_t ; u_t],   o_t = c + V (m_t * sigmoid(g + G m_t))

in place of the block around it in the paper. All weights start as in `torch.nn.Linear`, U(-1/sqrt(fan), 1/sqrt(fan)).
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import Shape, State, Weights, flattened, linear, project, restored
from freerun.parts.models import Model
from freerun.parts.models._gated_readout import gated_readout, readout_shapes


@dataclass(kw_only=True)
class MinGRU(Model):
    """Minimal gated recurrent unit, made at once under teacher forcing, with a gated readout.

    Attributes:
        hidden: H, the width of the state and of the readout.
    """

    hidden: int = 64

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        size = self.hidden
        return linear("update", inputs, size) | linear("new", inputs, size) | readout_shapes(size, inputs, size, outputs)

    def products(self, inputs: int, outputs: int) -> int:
        return super().products(inputs, outputs) + 2 * self.hidden  # of the gate with the state and with what is new

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return (like.new_zeros(replicas, batch, self.hidden),)

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        from freerun.parts.models._parallel_scan import scan

        flat, sizes = flattened(u)
        half = (project(weights, "update", flat) * 0.5).tanh() * 0.5  # the logistic function less 1/2
        added = (0.5 + half) * project(weights, "new", flat)
        kept, added = (part.reshape(len(flat), *sizes, self.hidden) for part in (0.5 - half, added))
        (h,) = scan((kept,), (added,), state)
        return restored(gated_readout(weights, flat, h.flatten(1, 2)), sizes), (h[:, -1],)
