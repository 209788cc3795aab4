"""Margin of equivalence: the change that is held for none, on the scale on which a measure is compared.

One number is declared for a study, `margin`, a share (0.05: five per cent). It means

    a ratio              within a factor of 1.05 either way
    a logarithm (nats)   within ln 1.05: perplexities within the same factor
    any other number     within 0.05 of the size of the baseline's mean, 0 for a baseline of 0

Two sides are equivalent where the whole of an interval lies within the margin, which is stricter than the two one-sided tests
of Schuirmann (1987, J. Pharmacokinet. Biopharm. 15, 657-680): those ask this of the interval at the level 1 - 2 a alone.

A share of the baseline's mean is known no better than that mean. Held for a number it makes a change of just the margin
equivalent as often as the seeds have a larger mean than others would. So both sums are tested, of the change and that share
(Fieller 1954, J. R. Stat. Soc. B 16, 175-185), with what the two have in common.
"""

from __future__ import annotations

import math

import numpy as np

from freerun.analysis.inference.t_test import interval
from freerun.store.quantity import Quantity

#: The margin of a study that declares none.
MARGIN = 0.05


def margin_of(quantity: Quantity, ratio: bool, baseline: float, share: float = MARGIN) -> float:
    """The largest change of a measure that counts as none.

    Args:
        quantity: what is compared.
        ratio: whether it is compared as a ratio.
        baseline: the mean level of the baseline.
        share: the margin of the study.

    Returns:
        The largest change: of logarithms for a ratio, else in the unit of the quantity. NaN where the baseline has no level.
    """
    return share * abs(baseline) if proportional(quantity, ratio) else math.log1p(share)


def proportional(quantity: Quantity, ratio: bool) -> bool:
    """Whether the margin is a share of the baseline's mean, arguments as for `margin_of`."""
    return not ratio and quantity.scale != "logarithm"


def within_share(
    mean: np.ndarray, error: np.ndarray, freedom: np.ndarray, baseline: np.ndarray, baseline_error: np.ndarray,
    covariance: np.ndarray, share: float, confidence: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Whether changes are shown to lie within a share of the baseline's mean, whatever that is.

    Args:
        mean, error, freedom: of the mean changes, as for `t_test.interval`.
        baseline, baseline_error: the mean level of the baseline and its standard error.
        covariance: of the mean change and the mean level.
        share: the margin of the study.
        confidence: of two one-sided tests together.
    """
    sized = share * np.where(baseline < 0, -1.0, 1.0)  # a change against the size of the mean
    spread = (sized * baseline_error) ** 2
    upper, lower = (
        interval(mean + way * sized * baseline, _root(error**2 + way * 2 * sized * covariance + spread), freedom, confidence)
        for way in (-1, 1)
    )
    shown: np.ndarray = (upper[1] <= 0) & (lower[0] >= 0)
    return shown


def _root(variance: np.ndarray) -> np.ndarray:
    root: np.ndarray = np.sqrt(np.maximum(variance, 0.0))  # what rounding leaves below 0 is none
    return root
