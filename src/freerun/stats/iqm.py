"""How good is a method when neither its luckiest nor its unluckiest seeds count? The interquartile mean.

The mean of the middle half of the seeds (Agarwal et al. 2021, NeurIPS, section 4.3; `scipy.stats.trim_mean(x, 0.25)`). Its
interval is that of Yuen (1974) below 20 seeds, Student t on the winsorised squares, and BCa from 20 on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from freerun.stats.bootstrap import bca
from freerun.stats.intervals import CONFIDENCE, FEWEST, MANY, Interval

_CUT = 0.25


def iqm(values: Sequence[float] | np.ndarray, confidence: float = CONFIDENCE, key: int = 0) -> Interval:
    """The interquartile mean of one value a seed with its interval; NaN is left out, and out of `n`.

    Args:
        values: one for each seed.
        confidence: how often such an interval covers the truth.
        key: which resamples, from 20 seeds on.
    """
    known = np.sort(np.asarray(values, dtype=float))
    known = known[np.isfinite(known)]
    n = len(known)
    middle = float(known @ iqm_weights(n)) if n else float("nan")
    low = high = float("nan")
    if n >= MANY:
        low, high = (float(bound[0]) for bound in bca(known[None], iqm_weights, confidence, key))
    elif n >= FEWEST:
        cut = int(_CUT * n)
        kept = n - 2 * cut
        winsorised = np.clip(known, known[cut], known[n - 1 - cut]).std(ddof=1)
        half = float(stdtrit(kept - 1, 0.5 + confidence / 2) * winsorised * np.sqrt((n - 1) / (kept * (kept - 1))))
        low, high = middle - half, middle + half
    return Interval(mean=middle, low=low, high=high, n=n)


def iqm_weights(n: int) -> np.ndarray:
    """The weights of the interquartile mean of n sorted values."""
    cut = int(_CUT * n)
    weights = np.zeros(n)
    weights[cut : n - cut] = 1 / (n - 2 * cut)
    return weights
