"""The gated recurrent unit: does gating change what closed loop costs?

    r = sigmoid(b_r + U_r u + W_r h),  z = sigmoid(b_z + U_z u + W_z h),
    n = tanh(b_n + U_n u + r * (c_n + W_n h)),  h' = (1 - z) * n + z * h,  o = d + V h'

(Cho et al. 2014, in the variant with the reset gate behind the product, as in cuDNN and `torch.nn.GRU`).
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.errors import require
from freerun.lazy import torch
from freerun.models import Model, scan
from freerun.replicas import Shape, State, Weights, affine, linear, over_time, project, sigmoid


@dataclass(kw_only=True)
class GRU(Model):
    """Gated recurrent unit with output feedback.

    Attributes:
        hidden: H, the width of the hidden state.
    """

    hidden: int = 64

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        size = self.hidden
        gates = linear("gates", size, 2 * size)
        del gates["gates.bias"]
        return (
            linear("input", inputs, 3 * size, fan=size)
            | gates
            | linear("candidate", size, size)
            | linear("output", size, outputs)
        )

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return (like.new_zeros(replicas, batch, self.hidden),)

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        h, state = self.advance(weights, project(weights, "input", u), state)
        return project(weights, "output", h), state

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        drive = over_time(lambda flat: project(weights, "input", flat), u)
        hidden, state = scan(lambda d, s: self.advance(weights, d, s), drive, state)
        return over_time(lambda flat: project(weights, "output", flat), hidden), state

    def advance(
        self, weights: Weights, drive: Float[torch.Tensor, "R B G"], state: State
    ) -> tuple[Float[torch.Tensor, "R B H"], State]:
        """The hidden path alone: h_t for a drive b + U u_t of width G = 3 H."""
        size = self.hidden
        (h,) = state
        gates, candidate = drive.split((2 * size, size), -1)
        reset, keep = sigmoid(affine(h, weights["gates.weight"], gates)).split(size, -1)
        new = torch.tanh(candidate + reset * project(weights, "candidate", h))
        h = new + keep * (h - new)
        return h, (h,)
