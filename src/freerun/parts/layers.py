"""Layers of many replicas at once, with the same bits for each alone and in any group.

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
from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.random_streams import stream

#: The most layers that a model may have; each is run one after the other at every step.
MOST_LAYERS = 1000
#: The weights of a model by name, each with its replica axis in front.
Weights = Mapping[str, "torch.Tensor"]
#: What a model carries from step to step: a tuple of ``[R B width]`` tensors.
State = tuple["torch.Tensor", ...]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The shape of one weight ``[in out]`` (a bias is ``[1 out]``) and the bound of its uniform initial values.

    Attributes:
        rows, columns: in, out.
        bound: initial values are drawn from U(-bound, bound).
        initial: makes the initial values ``[in out]`` out of those draws; None: they are the draws.
    """

    rows: int
    columns: int
    bound: float
    initial: Callable[[np.ndarray], np.ndarray] | None = None

    def begun(self, draws: np.ndarray) -> Float[np.ndarray, "in out"]:
        """Return the initial values that draws from U(-bound, bound) make."""
        return draws if self.initial is None else self.initial(draws)


def linear(name: str, inputs: int, outputs: int, fan: int | None = None) -> dict[str, Shape]:
    """Shapes of an affine map, initial values U(-1/sqrt(fan), 1/sqrt(fan)); `fan` is the number of inputs by default."""
    bound = 1 / math.sqrt(max(1, inputs if fan is None else fan))
    bias = {f"{name}.bias": Shape(rows=1, columns=outputs, bound=bound)}
    return ({f"{name}.weight": Shape(rows=inputs, columns=outputs, bound=bound)} if inputs else {}) | bias


def affine(
    x: Float[torch.Tensor, "R B I"],
    weight: Float[torch.Tensor, "R I O"],
    bias: Float[torch.Tensor, "R #B O"],  # noqa: F821 - also reads as Python
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
    """Apply the affine map `name`, whose input may have width 0."""
    bias = weights[f"{name}.bias"]
    if x.shape[-1] == 0:
        out = bias.expand(-1, x.shape[1], -1)
        if out.requires_grad:
            out.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]
        return out
    return affine(x, weights[f"{name}.weight"], bias)


def scaled(
    x: Float[torch.Tensor, "R M N"],
    row: Float[torch.Tensor, "R 1 N"],
) -> Float[torch.Tensor, "R M N"]:
    """``x * row`` for every replica; the gradient of `row` is a sum over M with the same bits in any group."""
    width = x.shape[-1]
    if width == 1:
        x, row = (torch.nn.functional.pad(part, (0, 1)) for part in (x, row))
    out = x.contiguous() * row
    if out.requires_grad:  # a gradient that comes as a view would be summed in an order of its own
        out.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]
    return out[..., :width]


def logistic(x: torch.Tensor) -> torch.Tensor:
    """The logistic function by the hyperbolic tangent, with the same bits at every place of a tensor."""
    return (x * 0.5).tanh() * 0.5 + 0.5


def flattened(u: Float[torch.Tensor, "T R B I"]) -> tuple[Float[torch.Tensor, "R M I"], tuple[int, int]]:
    """Return the inputs of all steps side by side, for what is done to each alone, and (T, B); M = T B."""
    steps, _, batch, _ = u.shape
    return u.transpose(0, 1).flatten(1, 2), (steps, batch)


def restored(flat: Float[torch.Tensor, "R M O"], sizes: tuple[int, int]) -> Float[torch.Tensor, "T R B O"]:
    """Undo `flattened`, for the outputs."""
    return flat.reshape(len(flat), *sizes, -1).transpose(0, 1)


def over_time(
    function: Callable[[torch.Tensor], torch.Tensor], x: Float[torch.Tensor, "T R B I"]
) -> Float[torch.Tensor, "T R B O"]:
    """Apply a map of ``[R B .]`` tensors to all time steps in one call."""
    flat, sizes = flattened(x)
    return restored(function(flat), sizes)


def per_replica(reduce: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, axis: int = 0) -> Float[torch.Tensor, " R"]:
    """Reduce each replica's own contiguous part of `x` to a number."""
    return torch.stack([reduce(part.contiguous()) for part in x.unbind(axis)])


def totals(x: torch.Tensor, axis: int = 0) -> Float[torch.Tensor, " R"]:
    """Sum each replica's own part of `x`, with the bits of ``per_replica(torch.sum, x, axis)``.

    One thread of the processor adds up contiguous rows beside each other as it adds up one alone, several do not.
    """
    if torch.get_num_threads() > 1 or x.device.type != "cpu":
        return per_replica(torch.sum, x, axis)
    rows = x.movedim(axis, 0).reshape(x.shape[axis], -1)
    return rows.contiguous().sum(1)


def initial_weights(shapes: Mapping[str, Shape], seeds: list[int]) -> dict[str, np.ndarray]:
    """Initial weights ``[R in out]``, float64, one replica a seed: a function of the seed and the weight's name alone."""
    return {
        name: np.stack([
            shape.begun(stream(seed, f"init/{name}").uniform(-shape.bound, shape.bound, (shape.rows, shape.columns)))
            for seed in seeds
        ])
        for name, shape in shapes.items()
    }  # fmt: skip
