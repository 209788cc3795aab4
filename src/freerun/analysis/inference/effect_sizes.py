"""Effect sizes, for pairs of seeds and for two separate samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, ndtri

from freerun.analysis.inference.confidence_intervals import CONFIDENCE, FEWEST, Interval, clopper_pearson


def hedges(d: float | np.ndarray, freedom: float | np.ndarray) -> np.ndarray:
    """A standardised mean difference without its upward bias in small samples (Hedges 1981, equation 6e, exact).

    Args:
        d: the mean difference in standard deviations.
        freedom: degrees of freedom of the standard deviation: pairs - 1, or a + b - 2.
    """
    df = np.maximum(np.asarray(freedom, dtype=float), 2.0)
    factor = np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2)
    return np.where(np.asarray(freedom) >= 2, d * factor, np.nan)


def improvement_paired(differences: np.ndarray) -> Interval:
    """The probability that a seed does better, from differences of which more is better; a tie counts half.

    A lost run is a loss: minus infinity where the seed has none but its partner has, plus infinity the other way, 0 where both
    are lost. What is not known is NaN, and left out. The interval is that of Clopper and Pearson over the pairs; none below
    three.
    """
    known = differences[~np.isnan(differences)]
    n = len(known)
    if not n:
        return Interval(mean=float("nan"), low=float("nan"), high=float("nan"), n=0)
    wins = float((known > 0).sum() + 0.5 * (known == 0).sum())
    low, high = clopper_pearson(wins, n, CONFIDENCE) if n >= FEWEST else (float("nan"), float("nan"))
    return Interval(mean=wins / n, low=low, high=high, n=n)


def improvement(
    other: Sequence[float] | np.ndarray, first: Sequence[float] | np.ndarray, confidence: float = CONFIDENCE
) -> Interval:
    """The probability that a run of `other` exceeds one of `first`, a tie counting half (Agarwal et al. 2021; Mann & Whitney).

    Its interval is method 5 of Newcombe (2006, Statistics in Medicine 25, 559-573), which stays honest where the samples do not
    overlap; none below three runs on either side. A lost run is minus infinity; NaN is left out.
    """
    x, y = (np.asarray(side, dtype=float) for side in (other, first))
    x, y = x[~np.isnan(x)], y[~np.isnan(y)]
    if not (len(x) and len(y)):
        return Interval(mean=float("nan"), low=float("nan"), high=float("nan"), n=0)
    seen = float((x[:, None] > y).mean() + 0.5 * (x[:, None] == y).mean())
    low = high = float("nan")
    if min(len(x), len(y)) >= FEWEST:
        low, high = _newcombe(seen, len(x), len(y), confidence)
    return Interval(mean=seen, low=low, high=high, n=min(len(x), len(y)))


def cliffs_delta(other: np.ndarray, first: np.ndarray) -> float:
    """How much more often a run of `other` exceeds one of `first` than falls below it, over all pairs of runs (Cliff 1993).

    From -1, always below, over 0 to 1, always above; undefined below three runs on either side. NaN is left out; a lost run is
    infinite.
    """
    x, y = other[~np.isnan(other)], first[~np.isnan(first)]
    return float((x[:, None] > y).mean() - (x[:, None] < y).mean()) if min(len(x), len(y)) >= FEWEST else float("nan")


def _newcombe(seen: float, m: int, n: int, confidence: float) -> tuple[float, float]:
    from scipy.optimize import brentq

    z, half = float(ndtri(0.5 + confidence / 2)), (m + n) / 2

    def excess(true: float) -> float:
        variance = true * (1 - true) * (1 + (half - 1) * ((1 - true) / (2 - true) + true / (1 + true))) / (m * n)
        return (seen - true) ** 2 - z * z * variance

    low = 0.0 if seen <= 0 else float(brentq(excess, 0.0, min(seen, 1 - 1e-9)))
    high = 1.0 if seen >= 1 else float(brentq(excess, max(seen, 1e-9), 1.0))
    return low, high
