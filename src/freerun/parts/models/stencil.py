"""Stencil: a rule for the next value of a field from the neighbours of each point.

    o_t[i] = c + sum_j w_j f_{t-1}[i + j - offset],   j = 0 .. taps - 1,   i modulo the number of points N

One periodic convolution of the field with itself as the only input, as in a finite-difference scheme: with taps=2, offset=0 the
rule w_0 f[i] + w_1 f[i + 1], whose first-order upwind scheme for advection is known (Courant, Isaacson & Rees 1952).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.parts.layers import Shape, State, Weights, affine, over_time
from freerun.parts.models import Model


@dataclass(kw_only=True)
class Stencil(Model):
    """Periodic convolution of a field on a ring of points; the only memory is the field that was fed back.

    Attributes:
        taps: how many neighbouring points are read.
        offset: which of the taps lies on the point itself, counted from 0.
        bias: whether a constant c is added.
    """

    memoryless: ClassVar[bool] = True
    for_fields: ClassVar[bool] = True

    taps: int = 2
    offset: int = 0
    bias: bool = False

    def __post_init__(self) -> None:
        require(self.taps >= 1, "taps", self.taps, "be at least 1")
        require(0 <= self.offset < self.taps, "offset", self.offset, f"lie in 0 .. taps - 1 = {self.taps - 1}")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        if inputs != outputs or not inputs:
            raise ConfigError(
                f"model=stencil: it maps a field to itself, but here its input is {inputs} wide and its output {outputs}; "
                "choose a task of fields without further inputs"
            )
        bound = 1 / math.sqrt(self.taps)
        shapes = {"stencil.weight": Shape(rows=self.taps, columns=1, bound=bound)}
        return shapes | ({"stencil.bias": Shape(rows=1, columns=1, bound=bound)} if self.bias else {})

    def products(self, inputs: int, outputs: int) -> int:
        return super().products(inputs, outputs) * outputs  # at every point

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return ()

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        seen = torch.stack([u.roll(self.offset - tap, -1) for tap in range(self.taps)], -1)
        constant = weights["stencil.bias"] if self.bias else u.new_zeros(len(u), 1, 1)
        return affine(seen.flatten(1, 2), weights["stencil.weight"], constant).reshape(u.shape), state

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        return over_time(lambda flat: self.step(weights, flat, state)[0], u), state
