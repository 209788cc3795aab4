"""Power of a study: the smallest difference it could have shown, and the seeds that a difference needs.

That of Student's paired t test (the noncentral t), at the strictest step of Holm over a family: the smallest level at which any
of its comparisons may be decided. Each comparison is taken with its own number of pairs.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pandas as pd

LEVEL, POWER = 0.05, 0.8
_FEWEST, _MOST = 3, 10_000


def smallest_p(n: int) -> float:
    """The smallest p-value that flipping the signs of n differences can give."""
    return min(1.0, 2.0 ** (1 - n))


@lru_cache(maxsize=1024)
def detectable(n: int, family: int = 1) -> float:
    """The smallest paired difference, in standard deviations of the differences, that n seeds find in `POWER` of all studies.

    At the strictest step of Holm over `family` comparisons; undefined below three seeds.
    """
    if n < _FEWEST:
        return float("nan")
    from scipy.optimize import brentq

    high = 1.0
    while _power(high, n, LEVEL / family) < POWER:
        high *= 2
    return float(brentq(lambda d: _power(d, n, LEVEL / family) - POWER, 0.0, high, xtol=1e-6))


@lru_cache(maxsize=16_384)
def seeds_to_detect(effect: float, family: int = 1) -> int:
    """The fewest seeds that find a paired difference of `effect` standard deviations in `POWER` of all studies.

    Raises:
        ValueError: if more than 10,000 would be needed.
    """
    from scipy.special import ndtri

    known = (float(ndtri(1 - LEVEL / family / 2) + ndtri(POWER)) / effect) ** 2 if effect else math.inf
    if known > _MOST:
        raise ValueError(f"effect must be large enough to be found by {_MOST} seeds, got {effect:g}")
    low, step = max(_FEWEST - 1, math.floor(known)), 1  # with a known spread it would take as many; with an estimated one, more
    high = low + step
    while _power(abs(effect), high, LEVEL / family) < POWER:
        low, step = high, 2 * step
        high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(abs(effect), middle, LEVEL / family) >= POWER else (middle, high)
    return high


def assessed(compared: pd.DataFrame) -> pd.DataFrame:
    """What the comparisons of each family could have shown, each with its own pairs.

    Args:
        compared: what `paired_differences.against_baseline` gives, with the columns `family`, `n` and `p`.

    Returns:
        For each family a row for each number of pairs that comes up: comparisons (with so many pairs), tested (in the whole
        family), seeds, detectable (the difference, in standard deviations of the differences, that is found with 80 % power),
        seeds_for_one (that find a difference of one standard deviation).
    """
    rows = []
    for family, of_family in compared[compared["p"].notna()].groupby("family", observed=True, sort=False):
        size = len(of_family)
        for n, of_size in of_family.groupby("n", sort=True):
            power = {"detectable": detectable(int(str(n)), size), "seeds_for_one": seeds_to_detect(1.0, size)}
            rows.append({"family": family, "comparisons": len(of_size), "tested": size, "seeds": int(str(n)), **power})
    return pd.DataFrame(rows, columns=["family", "comparisons", "tested", "seeds", "detectable", "seeds_for_one"])


def _power(effect: float, n: int, level: float) -> float:
    """How often a two-sided paired t test at `level` finds a difference of `effect` standard deviations.

    The mean of the normal power over the chi squared distribution of the observed variance, at 400 of its quantiles.
    """
    from scipy.special import ndtr

    critical, centre = _critical(n, level), effect * math.sqrt(n)
    return float((ndtr(centre - critical) + ndtr(-centre - critical)).mean())


@lru_cache(maxsize=512)
def _critical(n: int, level: float) -> np.ndarray:
    """From where on a mean of n differences is found, in its own standard errors, at 400 quantiles of their variance."""
    from scipy.special import chdtri, stdtrit

    shares = (np.arange(400) + 0.5) / 400
    critical: np.ndarray = float(stdtrit(n - 1, 1 - level / 2)) * np.sqrt(chdtri(n - 1, shares) / (n - 1))
    return critical
