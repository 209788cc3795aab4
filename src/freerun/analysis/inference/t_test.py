"""Student's t test of a mean and its confidence interval, each the inversion of the other.

An interval at the level 1 - a leaves out no change where, and only where, the p-value is below a. So a p-value and the interval
beside it never say two things.
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr, stdtrit

from freerun.analysis.inference.confidence_intervals import CONFIDENCE

Numbers = float | np.ndarray


def p_value(mean: Numbers, error: Numbers, freedom: Numbers) -> np.ndarray:
    """The two-sided p-value of a true mean of 0.

    Args:
        mean: of the differences.
        error: its standard error; 0 where all differences agree, which leaves p = 1 at a mean of 0 and p = 0 elsewhere.
        freedom: degrees of freedom of the error; NaN, or an error of NaN, leaves p undefined.
    """
    mean, error, freedom = (np.asarray(numbers, dtype=float) for numbers in (mean, error, freedom))
    flat = error == 0
    t = np.abs(mean) / np.where(flat, 1.0, error)
    p = np.where(flat, (mean == 0).astype(float), 2 * stdtr(freedom, -t))
    return np.where(np.isnan(error) | np.isnan(freedom), np.nan, p)


def interval(
    mean: Numbers, error: Numbers, freedom: Numbers, confidence: Numbers = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of the confidence interval of a mean, arguments as for `p_value`; `confidence` may differ from row to row."""
    half = stdtrit(np.asarray(freedom, dtype=float), 0.5 + np.asarray(confidence) / 2) * np.asarray(error, dtype=float)
    return np.asarray(mean) - half, np.asarray(mean) + half
