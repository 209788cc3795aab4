"""Shallow piecewise-linear recurrent network, made for dynamical systems.

    z_t = A z_{t-1} + W_1 max(0, W_2 z_{t-1} + h_2) + h_1 + C x_t,   A diagonal,   o_t = the first Y components of z_t

(Hess, Monfared, Brenner & Durstewitz 2023, equation 4). The first Y components of z_{t-1} are what was fed back, the last Y
columns of u_t; so forcing replaces a part of the state, as in that paper. Any `latent` components beyond are carried along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.parts.layers import Shape, State, Weights, affine, linear, over_time, project
from freerun.parts.models import Model, scan


@dataclass(kw_only=True)
class ShallowPLRNN(Model):
    """Shallow piecewise-linear recurrent network; its observed state is what was fed back.

    Attributes:
        hidden: L, the width of the piecewise-linear layer.
        latent: components of the state beyond the observed ones; with 0 the feed is the only memory.
    """

    needs_feedback: ClassVar[bool] = True

    hidden: int = 64
    latent: int = 0

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")
        require(self.latent >= 0, "latent", self.latent, "not be negative")

    @property
    def memoryless(self) -> bool:  # type: ignore[override]
        """Whether all of the state is fed back."""
        return self.latent == 0

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        if inputs < outputs:
            raise ConfigError(
                f"model=shallow_plrnn: its state is what was fed back, but its input is {inputs} wide, its output {outputs}; "
                "choose a feedback that feeds every output"
            )
        size = outputs + self.latent
        decay = {"decay": Shape(rows=1, columns=size, bound=1.0)}
        drive = {"drive": Shape(rows=inputs - outputs, columns=size, bound=1 / math.sqrt(max(1, inputs - outputs)))}
        layers = linear("bend", size, self.hidden) | linear("mix", self.hidden, size)
        return decay | layers | (drive if inputs > outputs else {})

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return (like.new_zeros(replicas, batch, self.latent),) if self.latent else ()

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        observed = weights["decay"].shape[-1] - self.latent
        outside = u.shape[-1] - observed
        z = torch.cat([u[..., outside:], *state], -1)
        linear_part = weights["decay"] * z + weights["mix.bias"]
        if outside:
            linear_part = affine(u[..., :outside], weights["drive"], linear_part)
        z = affine(torch.relu(project(weights, "bend", z)), weights["mix.weight"], linear_part)
        return (z[..., :observed], (z[..., observed:],)) if self.latent else (z, ())

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        if self.memoryless:
            return over_time(lambda flat: self.step(weights, flat, state)[0], u), state
        return scan(lambda part, latent: self.step(weights, part, latent), u, state)
