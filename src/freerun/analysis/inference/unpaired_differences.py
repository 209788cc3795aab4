"""Unpaired differences between two sets of runs: Welch's t, and a permutation of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.inference.rounding import ROUNDING

#: Up to so many ways of dealing the runs all are tried; beyond, so many are drawn.
EXACT, DRAWN = 20_000, 100_000


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A difference of two means with its standard error and the degrees of freedom of that, both NaN where there is none."""

    mean: float
    error: float
    freedom: float


def welch(other: np.ndarray, first: np.ndarray) -> Difference:
    """The difference of two means, other - first, as Welch (1947) tests it; no error below three runs on either side."""
    x, y = other[np.isfinite(other)], first[np.isfinite(first)]
    nothing = float("nan")
    if not (len(x) and len(y)):
        return Difference(mean=nothing, error=nothing, freedom=nothing)
    mean = float(x.mean() - y.mean())
    if min(len(x), len(y)) < FEWEST:
        return Difference(mean=mean, error=nothing, freedom=nothing)
    a, b = float(x.var(ddof=1)) / len(x), float(y.var(ddof=1)) / len(y)
    freedom = (a + b) ** 2 / (a**2 / (len(x) - 1) + b**2 / (len(y) - 1)) if a + b > 0 else len(x) + len(y) - 2.0
    return Difference(mean=mean, error=(a + b) ** 0.5, freedom=freedom)


def dealt(other: np.ndarray, first: np.ndarray, key: int = 0) -> float:
    """The two-sided p-value of Welch's t when the runs are dealt anew to the two sides; NaN below three runs on a side.

    The studentised form holds its level where the two spreads differ (Janssen 1997).

    Args:
        key: which deals, where there are too many to try all.
    """
    x, y = other[np.isfinite(other)], first[np.isfinite(first)]
    if min(len(x), len(y)) < FEWEST:
        return float("nan")
    values, m = np.concatenate([x, y]), len(x)
    if comb(len(values), m) <= EXACT:
        chosen = np.array(list(combinations(range(len(values)), m)))
        extra = 0
    else:
        chance = np.random.Generator(np.random.Philox(key=[key, len(values)]))
        chosen = np.argsort(chance.random((DRAWN, len(values))), axis=1)[:, :m]
        extra = 1
    taken = np.zeros((len(chosen), len(values)), dtype=bool)
    np.put_along_axis(taken, chosen, True, axis=1)
    seen = _t(values[None], (np.arange(len(values)) < m)[None])[0]
    statistics = _t(np.broadcast_to(values, taken.shape), taken)
    return float(((statistics >= seen * (1 - 1e-9)).sum() + extra) / (len(statistics) + extra))


def _t(values: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Welch's |t| of every deal; infinite where neither side has any spread but the means differ."""
    sides = []
    for mask in (taken, ~taken):
        n = mask.sum(axis=1)
        mean = np.where(mask, values, 0).sum(axis=1) / n
        squares = np.where(mask, (values - mean[:, None]) ** 2, 0).sum(axis=1)
        sides.append((mean, squares / (n - 1) / n))
    (a, u), (b, v) = sides
    left = ROUNDING * np.abs(values).max(axis=1)  # what is smaller, rounding has left of 0
    spread, gap = (np.where(size > left, size, 0.0) for size in (np.sqrt(u + v), np.abs(a - b)))
    return np.where(spread > 0, gap / np.where(spread > 0, spread, 1), np.where(gap > 0, np.inf, 0.0))
