"""Gated recurrent unit.

    r = sigmoid(b_r + U_r u + W_r h),  z = sigmoid(b_z + U_z u + W_z h),
    n = tanh(b_n + U_n u + r * (c_n + W_n h)),  h' = (1 - z) * n + z * h,  o = d + V h'

(Cho et al. 2014, in the variant with the reset gate behind the product, as in cuDNN and `torch.nn.GRU`).
Weights start in U(-1/sqrt(H), 1/sqrt(H)), as there. The gates r and z have one bias where torch has the sum of two, which say
nothing more: it starts with half the variance, 1/(3 H) against 2/(3 H), and moves half as far in an update of Adam. b_n and c_n
are torch's own two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import Shape, State, Weights, linear, over_time, project
from freerun.parts.models import Model, scan

GATES = ("reset", "keep", "new")


@dataclass(kw_only=True)
class GRU(Model):
    """Gated recurrent unit with output feedback.

    The weights ``input.*`` hold U with the bias b as their last row; ``recurrent.bias`` is c_n.

    Attributes:
        hidden: H, the width of the hidden state.
    """

    hidden: int = 64

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        size, bound = self.hidden, 1 / math.sqrt(self.hidden)
        drive = {f"input.{gate}": Shape(rows=inputs + 1, columns=size, bound=bound) for gate in GATES}
        carry = {f"recurrent.{gate}": Shape(rows=size, columns=size, bound=bound) for gate in GATES}
        return drive | carry | {"recurrent.bias": Shape(rows=1, columns=size, bound=bound)} | linear("output", size, outputs)

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return (like.new_zeros(replicas, batch, self.hidden),)

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        h = self.advance(weights, u, state)
        return project(weights, "output", h), (h,)

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        hidden, state = scan(lambda part, h: ((new := self.advance(weights, part, h)), (new,)), u, state)
        return over_time(lambda flat: project(weights, "output", flat), hidden), state

    def advance(self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State) -> Float[torch.Tensor, "R B H"]:
        """Run the hidden path alone, h_t. Widths of 1 are padded with zeros, for which every formula here gives zeros."""
        from freerun.parts.models._gated import GatedStep

        arguments = [u, state[0], *(weights[f"{path}.{gate}"] for path in ("input", "recurrent") for gate in GATES)]
        arguments.append(weights["recurrent.bias"])
        if self.hidden == 1 or u.shape[-1] == 0:
            columns, rows = int(self.hidden == 1), int(u.shape[-1] == 0)
            pads = [(0, rows), (0, columns), *3 * [(0, columns, rows, 0)], *3 * [(0, columns, 0, columns)], (0, columns)]
            arguments = [torch.nn.functional.pad(value, pad) for value, pad in zip(arguments, pads, strict=True)]
        new: torch.Tensor = GatedStep.apply(*arguments)  # type: ignore[no-untyped-call]
        return new if self.hidden > 1 else new[..., :1]
