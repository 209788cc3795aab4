"""Student's t test of a mean and its confidence interval, each the inversion of the other.

An interval at the level 1 - a leaves out no change where, and only where, the p-value is below a. So a p-value and the interval
beside it never say two things.

Differences that all agree have no spread by which Student's t could judge them. Of an error, a number with many digits, they
are certain. Of a measure with two ends, as a share of what was tried, they may agree by chance: three seeds that learned
against three that did not are three heads in a row. The p-value is then that of flipping their signs (Fisher 1935, section 21),
one half to the power of the degrees of freedom, and the interval that of the same test: the one number where it is small
enough, else everything.
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr, stdtrit

from freerun.analysis.inference.confidence_intervals import CONFIDENCE
from freerun.analysis.inference.rounding import ROUNDING

Numbers = float | np.ndarray


def p_value(mean: Numbers, error: Numbers, freedom: Numbers, by_chance: bool | np.ndarray = False) -> np.ndarray:
    """The two-sided p-value of a true mean of 0.

    Args:
        mean: of the differences.
        error: its standard error; 0 where all differences agree, which leaves p = 1 at a mean of 0 and else, unless they may
            agree by chance, p = 0.
        freedom: degrees of freedom of the error; NaN, or an error of NaN, leaves p undefined.
        by_chance: whether differences may agree by chance.
    """
    mean, error, freedom = (np.asarray(numbers, dtype=float) for numbers in (mean, error, freedom))
    flat = _flat(mean, error)
    t = np.abs(mean) / np.where(flat, 1.0, error)
    p = np.where(flat, np.where(mean == 0, 1.0, np.where(by_chance, 0.5**freedom, 0.0)), 2 * stdtr(freedom, -t))
    return np.where(np.isnan(error) | np.isnan(freedom), np.nan, p)


def interval(
    mean: Numbers, error: Numbers, freedom: Numbers, confidence: Numbers = CONFIDENCE, by_chance: bool | np.ndarray = False
) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of the confidence interval of a mean, arguments as for `p_value`; `confidence` may differ from row to row."""
    mean, error, freedom = (np.asarray(numbers, dtype=float) for numbers in (mean, error, freedom))
    half = stdtrit(freedom, 0.5 + np.asarray(confidence) / 2) * error
    open_ = _flat(mean, error) & (mean != 0) & by_chance & (0.5**freedom > 1 - np.asarray(confidence))
    half = np.where(open_, np.inf, half)
    return mean - half, mean + half


def _flat(mean: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Where differences agree but for rounding."""
    agree: np.ndarray = error <= ROUNDING * np.abs(mean)
    return agree
