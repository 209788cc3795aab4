"""Parameters of all replicas, kept as one flat tensor for the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float

from freerun.parts.layers import Shape, initial_weights

#: What becomes of weights that were drawn uniformly (`Model.drawn`).
Drawn = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


class Parameters:
    """Named weights of R replicas, kept as one flat ``[R P]`` tensor for the optimiser."""

    def __init__(self, shapes: Mapping[str, Shape], seeds: list[int], like: torch.Tensor, drawn: Drawn = dict) -> None:
        self.shapes = shapes
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
