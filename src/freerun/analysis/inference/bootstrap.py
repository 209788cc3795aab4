"""Bootstrap intervals, BCa, of weighted order statistics such as the mean and the interquartile mean.

The bootstrap of Efron (1987), bias-corrected and accelerated, from the jackknife. A statistic is a weight for each place in the
sorted sample (the mean: 1/n each; the interquartile mean: the middle half), so all groups of n seeds share one set of
resamples and one matrix product. A bootstrap of n values is too narrow by sqrt((n - 1) / n) and knows no Student t; its normal
quantiles are replaced by sqrt(n / (n - 1)) t_{n-1} (Hesterberg 2015, The American Statistician 69, section 5.1), without which
it covers 93 % of normal means at n = 20.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

RESAMPLES = 9_999
_CHUNK = 256
#: Bits to which resampled statistics are told apart, from the largest value of a group on.
_BITS = 40
Weights = Callable[[int], np.ndarray]


def mean_weights(n: int) -> np.ndarray:
    """The weights of the mean of n sorted values."""
    return np.full(n, 1 / n)


def bca(
    values: np.ndarray, weights: Weights, confidence: float, key: int = 0, expand: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The BCa interval of a statistic for each row.

    Args:
        values: [G n], a row a group, without NaN.
        weights: those of the statistic on n sorted values.
        confidence: how often such an interval covers the truth.
        key: which resamples; a group has the same interval alone and beside others.
        expand: mend the narrowness of the bootstrap; False is the textbook's interval.

    Returns:
        The lower and the upper bounds, [G] each.
    """
    groups, n = values.shape
    ordered = np.sort(values, axis=1)
    resampled, left_out = _resampled(n, weights, key), _left_out(n, weights)
    tail = (1 - confidence) / 2
    z = np.sqrt(n / (n - 1)) * stdtrit(n - 1, tail) if expand else ndtri(tail)
    bounds = np.empty((2, groups))
    for start in range(0, groups, _CHUNK):
        part = ordered[start : start + _CHUNK]
        grid = np.maximum(np.ldexp(1.0, np.frexp(np.abs(part).max(axis=1))[1] - _BITS), np.finfo(float).tiny)
        drawn, jackknife = (_settled(part @ sums.T, grid[:, None]) for sums in (resampled, left_out))
        found = _bounds(drawn, _settled(part @ weights(n), grid), jackknife, z)
        bounds[:, start : start + _CHUNK] = _settled(found, grid)
    return bounds[0], bounds[1]


def _settled(x: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Numbers on a grid, in the place of `x`, so that sums that are equal are so however they were added up.

    The last bits of a product of matrices differ between processors and with the number of rows; of values that repeat, as
    shares do, many resamples have the very mean of the sample, and which of them lie below it moves the interval.
    """
    np.divide(x, grid, out=x)
    np.rint(x, out=x)
    np.multiply(x, grid, out=x)
    return x


def _resampled(n: int, weights: Weights, key: int) -> np.ndarray:
    """What each resample makes of the n sorted values: [resamples n]."""
    chance = np.random.Generator(np.random.Philox(key=[key, n]))
    places = np.sort(chance.integers(n, size=(RESAMPLES, n)), axis=1)
    flat = np.bincount(
        (places + n * np.arange(RESAMPLES)[:, None]).ravel(), weights=np.tile(weights(n), RESAMPLES), minlength=RESAMPLES * n
    )
    return flat.reshape(RESAMPLES, n)


def _left_out(n: int, weights: Weights) -> np.ndarray:
    """The same for the samples without one of the values: [n n]."""
    return np.stack([np.insert(weights(n - 1), i, 0.0) for i in range(n)])


def _bounds(drawn: np.ndarray, seen: np.ndarray, jackknife: np.ndarray, z: float) -> np.ndarray:
    pull = jackknife.mean(axis=1, keepdims=True) - jackknife
    spread = (pull**2).sum(axis=1)
    flat = spread <= 1e-24 * seen**2  # rounding of equal values
    acceleration = (pull**3).sum(axis=1) / (6 * np.where(flat, 1, spread) ** 1.5)
    below = ((drawn < seen[:, None]).mean(axis=1) + (drawn <= seen[:, None]).mean(axis=1)) / 2
    bias = ndtri(below)
    drawn.sort(axis=1)
    bounds = []
    for side in (z, -z):
        share = ndtr(bias + (bias + side) / (1 - acceleration * (bias + side)))
        at = np.where(np.isfinite(share), share, 0) * (drawn.shape[1] - 1)
        low = at.astype(int)
        high = np.minimum(low + 1, drawn.shape[1] - 1)
        rows = np.arange(len(drawn))
        interpolated = drawn[rows, low] + (at - low) * (drawn[rows, high] - drawn[rows, low])
        bounds.append(np.where(flat, seen, np.where(np.isfinite(share), interpolated, np.nan)))
    return np.stack(bounds)
