"""Distances between sets of strings: n-grams and lengths.

Total variation, TV(p, q) = 1/2 sum |p - q|, between the n-gram marginals of two sets of strings and between their lengths up to
the end symbol. A finite sample is never at 0: each stands beside its floor, the mean over swapped samples (a string of one
set changes place with its partner in the other), which is what sets of this size show where they come from one source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from freerun.errors import require
from freerun.lazy import torch


@dataclass(frozen=True, kw_only=True)
class Variation:
    """A total variation and its floor; NaN where no string is long enough."""

    value: float
    floor: float


def ngrams(
    x: Int[torch.Tensor, "T N"],
    y: Int[torch.Tensor, "T N"],
    n: int,
    symbols: int,
    signs: Float[torch.Tensor, "P N"],
    x_counts: Bool[torch.Tensor, "T N"] | None = None,
    y_counts: Bool[torch.Tensor, "T N"] | None = None,
) -> Variation:
    """Total variation between the shares of n successive symbols.

    Args:
        symbols: how many symbols there are.
        signs: -1 where a string changes place with its partner (`two_sample.swaps`).
        x_counts, y_counts: which symbols belong to a string; an n-gram counts if all of its symbols do. None: all.
    """
    require(x.shape == y.shape, "y", tuple(y.shape), f"have the shape of x, {tuple(x.shape)}")
    require(n >= 1, "n", n, "be at least 1")
    if n > len(x):
        return Variation(value=float("nan"), floor=float("nan"))
    both = [
        _codes(part, torch.ones_like(part, dtype=torch.bool) if counts is None else counts, n, symbols)
        for part, counts in ((x, x_counts), (y, y_counts))
    ]
    known, code = np.unique(torch.stack(both).numpy(), return_inverse=True)
    first = int(np.searchsorted(known, 0))
    one, other = code.reshape(2, *both[0].shape)

    def weighed(codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        found = np.bincount(codes.ravel(), np.broadcast_to(weights, codes.shape).ravel(), len(known))
        return found[first:].astype(float)  # `bincount` of nothing is whole numbers

    every = _with_the_given(signs).numpy()
    apart = np.stack([weighed(one, row) - weighed(other, row) for row in every])
    middle = weighed(one, every[0]) + weighed(other, every[0])
    return _variation(torch.from_numpy(middle), torch.from_numpy(apart))


def lengths(
    x: Int[torch.Tensor, " N"], y: Int[torch.Tensor, " N"], longest: int, signs: Float[torch.Tensor, "P N"]
) -> Variation:
    """Total variation between the lengths of strings (`length`), which are at most `longest`."""
    require(x.shape == y.shape, "y", tuple(y.shape), f"have the shape of x, {tuple(x.shape)}")
    table = torch.nn.functional.one_hot(torch.stack([x, y]), longest + 1).double()
    return _variation(table.sum((0, 1)), _with_the_given(signs) @ (table[0] - table[1]))


def length(strings: Int[torch.Tensor, "T N"], end: int) -> Int[torch.Tensor, " N"]:
    """The number of symbols before the first `end`; T where there is none."""
    ended = strings == end
    return torch.where(ended.any(0), ended.int().argmax(0), len(strings))


def _codes(strings: torch.Tensor, counts: torch.Tensor, n: int, symbols: int) -> Int[torch.Tensor, "S N"]:
    """A number for every n-gram; -1 where one of its symbols does not count."""
    steps = len(strings) - n + 1
    code, whole = torch.zeros_like(strings[:steps], dtype=torch.int64), torch.ones_like(counts[:steps])
    for k in range(n):
        code = code * symbols + strings[k : k + steps]
        whole = whole & counts[k : k + steps]
    return torch.where(whole, code, -1)


def _with_the_given(signs: Float[torch.Tensor, "P N"]) -> Float[torch.Tensor, "Q N"]:
    """The samples as they are, and then as they are swapped."""
    return torch.cat([torch.ones_like(signs[:1]), signs]).double()


def _variation(middle: Float[torch.Tensor, " C"], apart: Float[torch.Tensor, "Q C"]) -> Variation:
    """Of counts pooled over strings and made shares.

    Args:
        middle: the counts of both sets together.
        apart: how much larger they are in the first, as given and then swapped.
    """
    shares = [(middle + apart) / 2, (middle - apart) / 2]
    p, q = (part / part.sum(1, keepdim=True) for part in shares)
    each = (p - q).abs().sum(1) / 2
    return Variation(value=float(each[0]), floor=float(each[1:].mean()))
