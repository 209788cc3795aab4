"""Echo-state network: a fixed random reservoir, of which a readout alone is learnt, by ridge regression in closed form.

    r_t = (1 - a) r_{t-1} + a tanh(b + U u_t + A r_{t-1}),   o_t = c + V q(r_t)

(Jaeger 2001; with leak a, Lukosevicius 2012, equations 2 and 3; with `squares` q squares every second component, Lu et al.
2017; Pathak et al. 2018.) U and b are drawn from U(-scale, scale), A from U(-1, 1) where it is not 0, and A is scaled to its
spectral radius. V and c minimise

    sum w_t |y_t - c - V q(r_t)|^2 / sum w_t + ridge |V|^2

over all that `training.updates` batches have shown, a sequence as often as it was drawn (with replacement), warm-ups left out,
which is when the reservoir forgets its start. The truth is fed meanwhile (regime teacher_forcing, or noisy_forcing for noise as
the regulariser). Nothing is learnt by a gradient, so that other settings of training are refused. A run that is stopped begins
anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from freerun.arithmetic import exponential, logarithm
from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import Shape, State, Weights, affine, linear, over_time, project
from freerun.parts.models import Model, scan

#: The spectral radius is how a power of A grows, with an exponent of 2 to this power.
DOUBLINGS = 12


@dataclass(kw_only=True)
class EchoState(Model):
    """Echo-state network: the reservoir is fixed, the readout is solved by ridge regression.

    Attributes:
        hidden: H, the nodes of the reservoir.
        radius: the spectral radius of A.
        leak: a, the share of a node that is new at each step.
        scale: the largest weight of an input.
        density: the share of entries of A that are not 0.
        ridge: the penalty, relative to the mean square of a feature of size 1.
        squares: the readout sees the square of every second node.
    """

    needs_feedback: ClassVar[bool] = True
    solves: ClassVar[bool] = True

    hidden: int = 300
    radius: float = 0.9
    leak: float = 1.0
    scale: float = 0.5
    density: float = 0.02
    ridge: float = 1e-8
    squares: bool = False

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")
        require(self.radius >= 0, "radius", self.radius, "not be negative")
        require(0 < self.leak <= 1, "leak", self.leak, "lie in (0, 1]")
        require(self.scale > 0, "scale", self.scale, "be positive")
        require(0 < self.density <= 1, "density", self.density, "lie in (0, 1]")
        require(self.ridge > 0, "ridge", self.ridge, "be positive")

    def idle(self) -> str | None:
        if (links := self.hidden * self.density) >= 1:
            return None
        return (
            f"a node has {links:.2g} links on average, so that most of the reservoir forgets, whatever its radius; choose "
            f"model.density={min(1.0, math.ceil(200 / self.hidden) / 100):g}"
        )

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        size = self.hidden
        drive = {
            name: Shape(rows=shape.rows, columns=size, bound=self.scale)
            for name, shape in linear("input", inputs, size).items()
        }
        return drive | {"reservoir": Shape(rows=size, columns=size, bound=1.0)} | linear("output", size, outputs)

    def drawn(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the weights with a reservoir that is thinned out and scaled: entries in (-d, d) are kept, times 1 / d."""
        thin = [np.where(np.abs(a) < self.density, a / self.density, 0.0) for a in weights["reservoir"]]
        scaled = [a * (self.radius / radius) if (radius := spectral_radius(a)) > 0 else a for a in thin]
        return {**weights, "reservoir": np.stack(scaled)}

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return (like.new_zeros(replicas, batch, self.hidden),)

    def features(self, state: State) -> Float[torch.Tensor, "R B H"]:
        """Return what the readout sees, q(r)."""
        (r,) = state
        if not self.squares:
            return r
        second = torch.arange(self.hidden, device=r.device) % 2 == 1
        return torch.where(second, r * r, r)

    def step(
        self, weights: Weights, u: Float[torch.Tensor, "R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "R B O"], State]:
        r, state = self.advance(weights, self.drive(weights, u), state)
        return project(weights, "output", self.features((r,))), state

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        drive = over_time(lambda flat: self.drive(weights, flat), u)
        nodes, state = scan(lambda d, s: self.advance(weights, d, s), drive, state)
        return over_time(lambda flat: project(weights, "output", self.features((flat,))), nodes), state

    def drive(self, weights: Weights, u: Float[torch.Tensor, "R B I"]) -> Float[torch.Tensor, "R B H"]:
        """Return what the input adds, b + U u_t."""
        return project(weights, "input", u)

    def advance(
        self, weights: Weights, drive: Float[torch.Tensor, "R B H"], state: State
    ) -> tuple[Float[torch.Tensor, "R B H"], State]:
        """Return r_t for a drive b + U u_t."""
        r = torch.tanh(affine(state[0], weights["reservoir"], drive))
        r = r if self.leak == 1 else (1 - self.leak) * state[0] + self.leak * r
        return r, (r,)


def spectral_radius(matrix: np.ndarray) -> float:
    """Return the largest absolute eigenvalue of a matrix, to some 0.2 %, with the same bits on every processor.

    The largest entry of its power 2^k, to the power 2^-k (Gelfand 1941); 0 for a nilpotent matrix.
    """
    power, scale = torch.from_numpy(np.ascontiguousarray(matrix, dtype=np.float64)), 0.0
    for doubling in range(DOUBLINGS + 1):
        size = float(power.abs().max())
        if size == 0:
            return 0.0
        power, scale = power / size, scale + math.ldexp(float(logarithm(torch.tensor(size, dtype=torch.float64))), -doubling)
        if doubling < DOUBLINGS:
            power = power @ power
    return float(exponential(torch.tensor(scale, dtype=torch.float64)))
