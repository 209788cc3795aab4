"""Parameters of all replicas, kept as one flat tensor for the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from freerun.parts.layers import Shape, initial_weights

#: What becomes of weights that were drawn uniformly (`Model.drawn`).
Drawn = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]
#: Name, rows and columns of each weight, in their order.
Sizes = tuple[tuple[str, int, int], ...]


class Parameters:
    """Named weights of R replicas, kept as one flat ``[R P]`` tensor for the optimiser."""

    def __init__(self, shapes: Mapping[str, Shape], seeds: list[int], like: torch.Tensor, drawn: Drawn = dict) -> None:
        self.shapes = shapes
        self.sizes: Sizes = tuple((name, shape.rows, shape.columns) for name, shape in shapes.items())
        start = drawn(initial_weights(shapes, seeds))
        parts = [start[name].reshape(len(seeds), -1) for name in shapes]
        self.flat: Float[torch.Tensor, "R P"] = torch.from_numpy(np.concatenate(parts, axis=1)).to(like)

    def named(self, *, differentiable: bool = False, flat: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Return the weights by name, ``[R in out]``, as fresh leaves; of another flat tensor where one is given."""
        source = self.flat if flat is None else flat
        named, offset = {}, 0
        for name, shape in self.shapes.items():
            size = shape.rows * shape.columns
            part = source[:, offset : offset + size].reshape(-1, shape.rows, shape.columns).contiguous()
            named[name] = part.requires_grad_() if differentiable else part
            offset += size
        return named

    def put(self, replica: int, weights: Mapping[str, Float[torch.Tensor, "I O"]]) -> None:
        """Set some weights of one replica."""
        offset = 0
        for name, shape in self.shapes.items():
            size = shape.rows * shape.columns
            if name in weights:
                self.flat[replica, offset : offset + size] = weights[name].reshape(-1).to(self.flat)
            offset += size


class Trained(Mapping[str, torch.Tensor]):
    """Weights of all replicas while a gradient is taken of them: one flat leaf, or leaves by name, whichever a rollout reads.

    By name they are made when the first is read.

    Attributes:
        flat: all of them, ``[R P]``, without a copy; they must not change before the gradient has been taken.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters, self.sizes = parameters, parameters.sizes
        self.flat: Float[torch.Tensor, "R P"] = parameters.flat.detach().requires_grad_()

    @cached_property
    def _named(self) -> dict[str, torch.Tensor]:
        return self._parameters.named(differentiable=True)

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._named[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters.shapes)

    def __len__(self) -> int:
        return len(self.sizes)

    def gradient(
        self, charge: Float[torch.Tensor, "*batch"], shares: Float[torch.Tensor, "*batch"]
    ) -> Float[torch.Tensor, "R P"]:
        """Return the gradient of the sum of charge times share."""
        leaves = [*self._named.values()] if "_named" in self.__dict__ else []
        whole, *parts = torch.autograd.grad(charge, [self.flat, *leaves], shares, allow_unused=True)
        if all(part is None for part in parts):
            return torch.zeros_like(self.flat) if whole is None else whole
        filled = [torch.zeros_like(leaf) if part is None else part for leaf, part in zip(leaves, parts, strict=True)]
        flat = torch.cat([part.reshape(len(part), -1) for part in filled], 1)
        return flat if whole is None else whole + flat
