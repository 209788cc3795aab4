"""Sign test of pairs that differ by all or nothing, and the interval of the same test.

A seed that learns all or nothing tells by its pair which of two methods did, or neither. Of m pairs that differ, k in favour of
one side are as likely under no change as k heads in m flips of a coin (McNemar 1947, Psychometrika 12, 153-157; exact): ten
such pairs of which Student's t makes a false verdict in 7 % of families have one in 5 % at most. The interval is that of k in m
(Clopper and Pearson 1934, Biometrika 26, 404-413), times the share of pairs that differ and what they differ by: it leaves out
no change where, and only where, the p-value is below one minus its confidence.
"""

from __future__ import annotations

import numpy as np
from scipy.special import bdtr, betaincinv


def favours(mean: np.ndarray, error: np.ndarray, n: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many of n pairs differ upwards, and how many differ at all, by what is known of their differences.

    Args:
        mean: of the differences, each 0, `width` or its negative.
        error: the standard error of the mean.
        n: pairs.
        width: by what they differ.
    """
    squares = (n - 1) * n * np.square(error) + n * np.square(mean)
    differ = np.round(squares / np.square(width))
    return np.round((differ + n * mean / width) / 2), differ


def p_value(up: np.ndarray, differ: np.ndarray) -> np.ndarray:
    """The two-sided p-value of no change."""
    p: np.ndarray = np.minimum(1.0, 2 * bdtr(np.minimum(up, differ - up), differ.astype(int), 0.5))
    return p


def interval(
    up: np.ndarray, differ: np.ndarray, n: np.ndarray, width: np.ndarray, confidence: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of the mean change."""
    tail, down, scale = (1 - np.asarray(confidence)) / 2, differ - up, width * differ / n
    low = np.where(up == 0, 0.0, betaincinv(np.maximum(up, 1), down + 1, tail))
    high = np.where(down == 0, 1.0, betaincinv(up + 1, np.maximum(down, 1), 1 - tail))
    return scale * (2 * low - 1), scale * (2 * high - 1)
