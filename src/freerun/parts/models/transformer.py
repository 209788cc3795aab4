"""Transformer: a causal decoder that sees all of its past at once.

    x = b + U u_t + p_t;  in every layer  x += O attention(norm(x)),  x += F max(0, E norm(x));  o_t = c + V norm(x)

A causal decoder (Vaswani et al. 2017) with the normalisation in front of each part (Xiong et al. 2020), by the root mean
square (Zhang & Sennrich 2019) and without a gain, which the next weight absorbs. p_t are sines and cosines of the number of
steps taken (Vaswani et al., section 3.5). `unroll` works on all steps in parallel; `step` keeps the keys and values of every
step so far, so that time and memory of a gradient through a closed loop grow with the square of its length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import MOST_LAYERS, Shape, State, Weights, affine, linear, project
from freerun.parts.models import Model

#: What keeps the root mean square of a vector from 0.
EPSILON = 1e-5


@dataclass(kw_only=True)
class Transformer(Model):
    """Small causal transformer; its state is a cache of keys and values.

    The weight ``N.attend`` of layer N has the columns of queries, keys and values, ``N.mix`` joins the heads, ``N.rise`` and
    ``N.fall`` are the feed-forward part.

    Attributes:
        hidden: H, the width of the stream through the layers.
        layers: how many pairs of attention and feed-forward part.
        heads: into how many heads each attention is divided; null for 4, or for 2 or 1 where 4 does not divide `hidden`.
        mlp: the width of the feed-forward part in multiples of `hidden`.
    """

    remembers_all: ClassVar[bool] = True

    hidden: int = 64
    layers: int = 2
    heads: int | None = None
    mlp: int = 4

    def __post_init__(self) -> None:
        for name in ("hidden", "layers", "mlp"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "be at least 1")
        require(self.layers <= MOST_LAYERS, "layers", self.layers, f"be at most {MOST_LAYERS}")
        fits = self.heads is None or (self.heads >= 1 and self.hidden % self.heads == 0)
        require(fits, "heads", self.heads, f"divide hidden ({self.hidden})")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        size, wide = self.hidden, self.mlp * self.hidden
        shapes = linear("input", inputs, size)
        for layer in range(self.layers):
            for part, rows, columns in (
                ("attend", size, 3 * size),
                ("mix", size, size),
                ("rise", size, wide),
                ("fall", wide, size),
            ):
                added = 2 * self.layers if part in ("mix", "fall") else 1  # of so many addends each begins smaller
                shapes[f"{layer}.{part}"] = Shape(rows=rows, columns=columns, bound=1 / math.sqrt(rows * added))
        return shapes | linear("output", size, outputs)

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        """Return the state before the first step: empty keys and values for every layer, and a last vector of zeros."""
        cache = [like.new_zeros(replicas, batch, 0) for _ in range(2 * self.layers)]
        return (*cache, like.new_zeros(replicas, batch, self.hidden))

    def summary(self, state: State, like: Float[torch.Tensor, "R B O"]) -> Float[torch.Tensor, "R B H"]:
        return state[-1]

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        """Run all steps in parallel, after those in the state; the stream is ``[R BT H]``, one sequence after another."""
        (steps, _, batch, _), taken = u.shape, self.taken(state)
        place = positions(taken, steps, self.hidden, u.dtype, u.device).repeat(batch, 1)
        x = project(weights, "input", u.permute(1, 2, 0, 3).flatten(1, 2)) + place
        memory: list[torch.Tensor] = []
        parts = (len(state) - 1) // self.layers
        for layer in range(self.layers):
            new = times(normalised(x), weights[f"{layer}.attend"]).reshape(-1, batch, steps, 3, self.hidden)
            seen, remembered = self.attended(new, state[parts * layer : parts * (layer + 1)])
            x = affine(seen, weights[f"{layer}.mix"], x)
            x = affine(torch.relu(times(normalised(x), weights[f"{layer}.rise"])), weights[f"{layer}.fall"], x)
            memory += remembered
        x = normalised(x)
        outputs = project(weights, "output", x).reshape(-1, batch, steps, weights["output.bias"].shape[-1])
        return outputs.permute(2, 0, 1, 3), (*memory, x.reshape(-1, batch, steps, self.hidden)[:, :, -1])

    @property
    def own_heads(self) -> int:
        """Into how many heads each attention is divided."""
        return self.heads or math.gcd(4, self.hidden)

    def taken(self, state: State) -> int:
        """Return how many steps a state is behind."""
        return int(state[0].shape[-1]) // self.hidden

    def attended(self, new: Float[torch.Tensor, "R B T 3 H"], memory: State) -> tuple[Float[torch.Tensor, "R BT H"], State]:
        """Return the attention output of new steps in one layer, and what the layer remembers after them.

        Args:
            new: query, key and value of each step.
            memory: what the layer remembers of the steps before.
        """
        query, *pair = new.unbind(3)
        pair = [grown(old, part) for old, part in zip(memory, pair, strict=True)]
        return self.seen(query, *pair), tuple(part.flatten(2) for part in pair)

    def seen(
        self,
        query: Float[torch.Tensor, "R B T H"],
        keys: Float[torch.Tensor, "R B S H"],
        values: Float[torch.Tensor, "R B S H"],
    ) -> Float[torch.Tensor, "R BT H"]:
        """Return the attention output of the last T of S steps, each over the steps up to itself.

        A head is a range of columns; its query is 0 outside of them, so that one product serves all heads.
        """
        (replicas, batch, steps, size), total = query.shape, keys.shape[2]
        count = self.own_heads
        columns = heads(count, size, query.dtype, query.device)
        asked = (query / math.sqrt(size // count))[:, :, None] * columns
        ahead = query.new_full((steps, total), -math.inf).triu(total - steps + 1) if steps > 1 else query.new_zeros(1, total)
        shape = replicas * batch, len(columns) * steps, total
        scores = affine(asked.reshape(*shape[:2], size), keys.flatten(0, 1).mT, ahead.repeat(len(columns), 1).expand(shape))
        gathered = times(torch.softmax(scores, -1), values.flatten(0, 1))
        return (gathered.reshape(asked.shape) * columns).sum(2).reshape(replicas, -1, size)


def times(x: Float[torch.Tensor, "R B I"], weight: Float[torch.Tensor, "R I O"]) -> Float[torch.Tensor, "R B O"]:
    """``x @ weight`` for every replica."""
    return affine(x, weight, x.new_zeros(()).expand(len(x), 1, weight.shape[-1]))


def grown(cache: Float[torch.Tensor, "R B P"], new: Float[torch.Tensor, "R B T H"]) -> Float[torch.Tensor, "R B S H"]:
    """Return the vectors of all steps: those in the cache, then the new ones."""
    replicas, batch, _, size = new.shape
    return torch.cat([cache.reshape(replicas, batch, cache.shape[-1] // size, size), new], 2)


def normalised(x: Float[torch.Tensor, "R B H"]) -> Float[torch.Tensor, "R B H"]:
    """Each vector divided by its root mean square."""
    return x * (x.square().mean(-1, keepdim=True) + EPSILON).rsqrt()


@lru_cache(maxsize=64)
def heads(count: int, width: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Which columns belong to which head: ``[count 1 width]``, 1 or 0."""
    return torch.eye(count, dtype=dtype, device=device).repeat_interleave(width // count, 1)[:, None]


@lru_cache(maxsize=4096)
def positions(first: int, steps: int, width: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Sines (even columns) and cosines (odd ones) of the steps `first`, `first` + 1, ...: ``[steps width]``."""
    column = np.arange(width)
    # Python's power, one column at a time: numpy's power of an array differs between processors.
    slowest = np.array([10000.0 ** ((index - index % 2) / width) for index in range(width)])
    angle = np.arange(first, first + steps)[:, None] / slowest
    return torch.from_numpy(np.where(column % 2, np.cos(angle), np.sin(angle))).to(device, dtype)
