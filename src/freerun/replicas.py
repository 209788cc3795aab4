"""How do many small models run as one?

Every tensor has its replica axis: weights are ``[R in out]``, activations ``[R B width]``. What stands here gives each replica
the same bits alone and in any group, on a CPU with one thread:

* a matrix product over replicas never mixes them, but a product of width 1 takes another path in a group of one, so widths
  of 1 are padded to 2 (`affine`);
* the vectorised sigmoid rounds differently in the last few elements of a tensor, the hyperbolic tangent does not;
* a sum over a tensor with the replica axis inside changes its order with R, so reductions run on one replica's own
  contiguous copy (`per_replica`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from freerun.arithmetic import root
from freerun.lazy import torch
from freerun.streams import stream

#: The weights of a model by name, each with its replica axis in front.
Weights = Mapping[str, "torch.Tensor"]
#: What a model carries from step to step: a tuple of ``[R B width]`` tensors.
State = tuple["torch.Tensor", ...]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The shape of one weight ``[in out]`` (a bias is ``[1 out]``) and the bound of its uniform initial values."""

    rows: int
    columns: int
    bound: float


def linear(name: str, inputs: int, outputs: int, fan: int | None = None) -> dict[str, Shape]:
    """Shapes of an affine map, initial values U(-1/sqrt(fan), 1/sqrt(fan)); `fan` is the number of inputs by default."""
    bound = 1 / math.sqrt(max(1, inputs if fan is None else fan))
    bias = {f"{name}.bias": Shape(rows=1, columns=outputs, bound=bound)}
    return ({f"{name}.weight": Shape(rows=inputs, columns=outputs, bound=bound)} if inputs else {}) | bias


def affine(
    x: Float[torch.Tensor, "R B I"], weight: Float[torch.Tensor, "R I O"], bias: Float[torch.Tensor, "R #B O"]
) -> Float[torch.Tensor, "R B O"]:
    """``bias + x @ weight`` for every replica. `bias` may also be a whole ``[R B O]`` tensor to add to."""
    inner, outer = weight.shape[-2:]
    pad = torch.nn.functional.pad
    if inner == 1:
        x, weight = pad(x, (0, 1)), pad(weight, (0, 0, 0, 1))
    if outer == 1:
        weight, bias = pad(weight, (0, 1)), pad(bias, (0, 1))
    out = torch.baddbmm(bias, x, weight)
    if out.requires_grad:  # a gradient that comes as a view would be summed in an order of its own
        out.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]
    return out[..., :1] if outer == 1 else out


def project(weights: Weights, name: str, x: Float[torch.Tensor, "R B I"]) -> Float[torch.Tensor, "R B O"]:
    """The affine map `name`, whose input may have width 0."""
    bias = weights[f"{name}.bias"]
    if x.shape[-1] == 0:
        out = bias.expand(-1, x.shape[1], -1)
        if out.requires_grad:
            out.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]
        return out
    return affine(x, weights[f"{name}.weight"], bias)


def over_time(
    function: Callable[[torch.Tensor], torch.Tensor], x: Float[torch.Tensor, "T R B I"]
) -> Float[torch.Tensor, "T R B O"]:
    """Apply a map of ``[R B .]`` tensors to all time steps in one call."""
    steps, replicas, batch, width = x.shape
    flat = x.permute(1, 0, 2, 3).reshape(replicas, steps * batch, width)
    out = function(flat)
    return out.reshape(replicas, steps, batch, -1).permute(1, 0, 2, 3)


def per_replica(reduce: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, axis: int = 0) -> Float[torch.Tensor, " R"]:
    """Reduce each replica's own contiguous part of `x` to a number."""
    return torch.stack([reduce(part.contiguous()) for part in x.unbind(axis)])


def initial_weights(shapes: Mapping[str, Shape], seeds: list[int]) -> dict[str, np.ndarray]:
    """Initial weights ``[R in out]``, float64, one replica a seed: a function of the seed and the weight's name alone."""
    return {
        name: np.stack([
            stream(seed, f"init/{name}").uniform(-shape.bound, shape.bound, (shape.rows, shape.columns)) for seed in seeds
        ])
        for name, shape in shapes.items()
    }  # fmt: skip


@dataclass(kw_only=True)
class Adam:
    """Adam and AdamW with a learning rate, a weight decay and a clipping norm for each replica.

    Works on one flat ``[R P]`` tensor. Kingma & Ba 2015, algorithm 1; with `decoupled`, Loshchilov & Hutter 2019, algorithm 2.
    Only products, sums, quotients and `root` are used, which round alike at every position and on every processor.

    Attributes:
        rate, decay: per replica, ``[R 1]``.
        clip: largest gradient norm per replica, ``[R]``; infinite for none.
    """

    rate: Float[torch.Tensor, "R 1"]
    decay: Float[torch.Tensor, "R 1"]
    clip: Float[torch.Tensor, " R"]
    decoupled: bool
    first: Float[torch.Tensor, "R P"]
    second: Float[torch.Tensor, "R P"]
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def norms(self, gradient: Float[torch.Tensor, "R P"]) -> Float[torch.Tensor, " R"]:
        """The Euclidean norm of each replica's gradient in double precision; not finite where any entry is not."""
        return per_replica(lambda g: root(g.double().square().sum()), gradient)

    def step(
        self,
        weights: Float[torch.Tensor, "R P"],
        gradient: Float[torch.Tensor, "R P"],
        norms: Float[torch.Tensor, " R"],
        alive: Bool[torch.Tensor, " R"],
        update: int,
        scale: float,
    ) -> Bool[torch.Tensor, " R"]:
        """One update in place; replicas that are not `alive`, or whose weights would not stay finite, keep what they have.

        Args:
            update: i, counted from 0.
            scale: factor on every learning rate, from the schedule.

        Returns:
            Whether the new weights of each replica are finite.
        """
        live = alive[:, None]
        shrink = torch.where(norms > self.clip, self.clip / norms, torch.ones_like(norms)).to(gradient.dtype)
        gradient = torch.where(live, gradient * shrink[:, None], torch.zeros_like(gradient))
        rate = self.rate * scale
        if not self.decoupled:
            gradient = gradient + self.decay * weights
        self.first.mul_(self.beta1).add_(gradient * (1 - self.beta1))
        self.second.mul_(self.beta2).add_(gradient * gradient * (1 - self.beta2))
        mean = self.first / (1 - self.beta1 ** (update + 1))
        spread = root(self.second / (1 - self.beta2 ** (update + 1))) + self.epsilon
        change = rate * (mean / spread)
        if self.decoupled:
            change = change + rate * self.decay * weights
        finite = torch.isfinite(weights - change).all(1)
        weights.sub_(torch.where(live & finite[:, None], change, torch.zeros_like(change)))
        return finite
