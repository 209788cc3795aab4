"""Convolution: a rule for the next value of a field from the neighbours of each point that is not linear.

    a_k[i] = max(0, b_k + sum_j W_jk f_{t-1}[i + j - m]),   k = 1 .. width,
    o_t[i] = c + sum_jk V_jk a_k[i + j - m],   j = 0 .. kernel - 1,   m = (kernel - 1) / 2,   i modulo the number of points N

Two layers of periodic convolution with a rectifier between them, the smallest of the convolutional networks that are trained to
step a field (the feed-forward network of Koehler et al. 2024, "APEBench", with one hidden layer). Weights start as in
`torch.nn.Conv1d`, U(-1/sqrt(fan), 1/sqrt(fan)) with a fan of kernel and of kernel times width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.parts.layers import Shape, State, Weights, linear, over_time, project
from freerun.parts.models import Model


@dataclass(kw_only=True)
class Convolution(Model):
    """Two periodic convolutions of a field on a ring of points; the only memory is the field that was fed back.

    Attributes:
        width: how many channels lie between the two.
        kernel: how many neighbouring points each reads, itself in the middle; odd.
    """

    memoryless: ClassVar[bool] = True
    for_fields: ClassVar[bool] = True

    width: int = 16
    kernel: int = 3

    def __post_init__(self) -> None:
        require(self.width >= 1, "width", self.width, "be at least 1")
        require(self.kernel >= 1, "kernel", self.kernel, "be at least 1")
        require(self.kernel % 2 == 1, "kernel", self.kernel, "be odd")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        if inputs != outputs or not inputs:
            raise ConfigError(
                f"model=convolution: it maps a field to itself, but here its input is {inputs} wide and its output {outputs}; "
                "choose a task of fields without further inputs"
            )
        return linear("wide", self.kernel, self.width) | linear("narrow", self.kernel * self.width, 1)

    def products(self, inputs: int, outputs: int) -> int:
        return super().products(inputs, outputs) * outputs  # at every point

    def kept(self, inputs: int, outputs: int) -> int:
        return outputs * (self.kernel + 2 * self.width + self.kernel * self.width)  # at every point

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return ()

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        channels = torch.relu(project(weights, "wide", self.neighbours(u[..., None])))
        return project(weights, "narrow", self.neighbours(channels.reshape(*u.shape, self.width))).reshape(u.shape), state

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        return over_time(lambda flat: self.step(weights, flat, state)[0], u), state

    def neighbours(self, x: Float[torch.Tensor, "R B N C"]) -> Float[torch.Tensor, "R M KC"]:
        """Return for each point of each field, M = B N, the channels of the points that it reads, one point after another."""
        reach = self.kernel // 2
        return torch.cat([x.roll(reach - tap, 2) for tap in range(self.kernel)], -1).flatten(1, 2)
