"""Unpaired differences between two sets of runs: Welch's interval and a permutation test."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from scipy.special import stdtrit

from freerun.analysis.inference.confidence_intervals import CONFIDENCE, FEWEST, Interval

#: Up to so many ways of dealing the runs all are tried; beyond, so many are drawn.
EXACT, DRAWN = 20_000, 100_000


def welch(other: np.ndarray, first: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """The difference of two means, other - first, with Welch's interval; none below three runs on either side."""
    x, y = other[np.isfinite(other)], first[np.isfinite(first)]
    if not (len(x) and len(y)):
        return Interval(mean=float("nan"), low=float("nan"), high=float("nan"), n=0)
    mean, n = float(x.mean() - y.mean()), min(len(x), len(y))
    if n < FEWEST:
        return Interval(mean=mean, low=float("nan"), high=float("nan"), n=n)
    a, b = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    if a + b == 0:
        return Interval(mean=mean, low=mean, high=mean, n=n)
    freedom = (a + b) ** 2 / (a**2 / (len(x) - 1) + b**2 / (len(y) - 1))
    half = float(stdtrit(freedom, 0.5 + confidence / 2) * np.sqrt(a + b))
    return Interval(mean=mean, low=mean - half, high=mean + half, n=n)


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
    found = _t(np.broadcast_to(values, taken.shape), taken)
    return float(((found >= seen * (1 - 1e-9)).sum() + extra) / (len(found) + extra))


def _t(values: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Welch's |t| of every deal; infinite where neither side has any spread but the means differ."""
    sides = []
    for mask in (taken, ~taken):
        n = mask.sum(axis=1)
        mean = np.where(mask, values, 0).sum(axis=1) / n
        squares = np.where(mask, (values - mean[:, None]) ** 2, 0).sum(axis=1)
        sides.append((mean, squares / (n - 1) / n))
    (a, u), (b, v) = sides
    spread = np.sqrt(u + v)
    gap = np.abs(a - b)
    return np.where(spread > 0, gap / np.where(spread > 0, spread, 1), np.where(gap > 0, np.inf, 0.0))
