"""Are the strings that a model makes like the true ones, symbol by symbol and in length?

Total variation, TV(p, q) = 1/2 sum |p - q|, between the n-gram marginals of two sets of strings and between their lengths up to
the end symbol. A finite sample is never at 0: each stands beside its floor, the mean over swapped samples (a string of one
set changes place with its partner in the other), which is what sets of this size show where they come from one source.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    known, code = torch.unique(torch.stack(both), return_inverse=True)
    table = torch.zeros(2, x.shape[1], len(known), dtype=torch.float64)
    for side in range(2):
        table[side].scatter_add_(1, code[side].mT, torch.ones_like(code[side].mT, dtype=torch.float64))
    return _variation(table[..., known >= 0], signs)


def lengths(
    x: Int[torch.Tensor, " N"], y: Int[torch.Tensor, " N"], longest: int, signs: Float[torch.Tensor, "P N"]
) -> Variation:
    """Total variation between the lengths of strings (`length`), which are at most `longest`."""
    require(x.shape == y.shape, "y", tuple(y.shape), f"have the shape of x, {tuple(x.shape)}")
    return _variation(torch.nn.functional.one_hot(torch.stack([x, y]), longest + 1).double(), signs)


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


def _variation(table: Float[torch.Tensor, "2 N C"], signs: Float[torch.Tensor, "P N"]) -> Variation:
    """Of the counts of every string, pooled over strings and made shares."""
    middle, half = table.sum((0, 1)), table[0] - table[1]
    every = torch.cat([torch.ones_like(signs[:1]), signs]).double()
    apart = every @ half
    shares = [(middle + apart) / 2, (middle - apart) / 2]
    p, q = (part / part.sum(1, keepdim=True) for part in shares)
    each = (p - q).abs().sum(1) / 2
    return Variation(value=float(each[0]), floor=float(each[1:].mean()))
