"""Distances between sets of strings: n-grams and lengths.

Total variation, TV(p, q) = 1/2 sum |p - q|, between the n-gram marginals of two sets of strings and between their lengths up to
the end symbol. A finite sample is never at 0: what two true sets of this size show is the floor.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Int

from freerun.deferred_imports import torch
from freerun.errors import require

#: n-grams are counted in a table where so many are possible at most.
TABLED = 2**16


def ngrams(
    x: Int[torch.Tensor, "T N"],
    y: Int[torch.Tensor, "T M"],
    n: int,
    symbols: int,
    x_counts: Bool[torch.Tensor, "T N"] | None = None,
    y_counts: Bool[torch.Tensor, "T M"] | None = None,
) -> float:
    """Total variation between the shares of n successive symbols; NaN where no string is long enough.

    Args:
        symbols: how many symbols there are.
        x_counts, y_counts: which symbols belong to a string; an n-gram counts if all of its symbols do. None: all.
    """
    require(len(x) == len(y), "y", len(y), f"have as many steps as x, {len(x)}")
    require(n >= 1, "n", n, "be at least 1")
    if n > len(x):
        return math.nan
    codes = [_codes(part, counts, n, symbols) for part, counts in ((x, x_counts), (y, y_counts))]
    if symbols**n <= TABLED:
        table = np.stack([np.bincount(part, minlength=symbols**n) for part in codes])
        return _variation(*torch.from_numpy(table[:, table.any(0)]))
    known, places = np.unique(np.concatenate(codes), return_inverse=True)
    sides = np.split(places, [len(codes[0])])
    return _variation(*(torch.from_numpy(np.bincount(part, minlength=len(known))) for part in sides))


def lengths(x: Int[torch.Tensor, " N"], y: Int[torch.Tensor, " M"], longest: int) -> float:
    """Total variation between the lengths of strings, which are at most `longest`."""
    return _variation(*(torch.bincount(part, minlength=longest + 1) for part in (x, y)))


def _codes(
    strings: Int[torch.Tensor, "T N"], counts: Bool[torch.Tensor, "T N"] | None, n: int, symbols: int
) -> Int[np.ndarray, " G"]:
    """A number for every n-gram all of whose symbols count."""
    steps = len(strings) - n + 1
    code, whole = torch.zeros_like(strings[:steps], dtype=torch.int64), torch.ones_like(strings[:steps], dtype=torch.bool)
    for k in range(n):
        code = code * symbols + strings[k : k + steps]
        whole = whole if counts is None else whole & counts[k : k + steps]
    return code[whole].numpy()


def _variation(x: Int[torch.Tensor, " C"], y: Int[torch.Tensor, " C"]) -> float:
    """Total variation between two counts, made shares; NaN where nothing is counted."""
    p, q = (part.double() / part.sum() for part in (x, y))
    return float((p - q).abs().sum() / 2)
