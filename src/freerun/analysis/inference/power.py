"""Power of a study: the smallest difference it could have shown, and the seeds that a difference needs.

Two limits: the sign-flip test of n pairs has no p-value below 2 / 2^n, which Holm multiplies by the size of the family; and
whatever the test, a difference small against the chance between seeds is missed (the noncentral t of Student's paired test,
which sign flips match in large samples).
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

LEVEL, POWER = 0.05, 0.8
_MOST = 10_000


def smallest_p(n: int) -> float:
    """The smallest p-value that flipping the signs of n differences can give."""
    return min(1.0, 2.0 ** (1 - n))


def seeds_for_family(family: int, level: float = LEVEL) -> int:
    """The fewest seeds at which a comparison can survive Holm over `family` comparisons."""
    return max(3, math.ceil(math.log2(2 * max(family, 1) / level) - 1e-12))


def detectable(n: int, family: int = 1, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest paired difference, in standard deviations of the differences, that n seeds find in `power` of all studies.

    At the strictest step of Holm over `family` comparisons; undefined below three seeds.
    """
    if n < 3:
        return float("nan")
    from scipy.optimize import brentq

    high = 1.0
    while _power(high, n, level / family) < power:
        high *= 2
    return float(brentq(lambda d: _power(d, n, level / family) - power, 0.0, high, xtol=1e-6))


def seeds_to_detect(effect: float, family: int = 1, level: float = LEVEL, power: float = POWER) -> int:
    """The fewest seeds that find a paired difference of `effect` standard deviations in `power` of all studies.

    Raises:
        ValueError: if more than 10,000 would be needed.
    """
    low, high = seeds_for_family(family, level) - 1, seeds_for_family(family, level)
    while _power(abs(effect), high, level / family) < power:
        low, high = high, 2 * high
        if low > _MOST:
            raise ValueError(f"effect must be large enough to be found by {_MOST} seeds, got {effect:g}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(abs(effect), middle, level / family) >= power else (middle, high)
    return high


def assessed(compared: pd.DataFrame) -> pd.DataFrame:
    """What each family of comparisons could have shown.

    Args:
        compared: what `paired.against_baseline` gives, with the columns `family`, `n` and `sd`.

    Returns:
        For each family: comparisons, seeds (fewest of any comparison), smallest_p, smallest_holm (the smallest p-value that
        can be left after Holm), seeds_needed (for one that can survive), detectable (in standard deviations of the
        differences), seeds_for_one (that find a difference of one standard deviation), underpowered.
    """
    rows = []
    for family, each in compared.groupby("family", observed=True, sort=False):
        size, n = len(each), int(each["n"].min())
        rows.append(
            {
                "family": family, "comparisons": size, "seeds": n, "smallest_p": smallest_p(n),
                "smallest_holm": min(1.0, size * smallest_p(n)), "seeds_needed": seeds_for_family(size),
                "detectable": detectable(n, size), "seeds_for_one": seeds_to_detect(1.0, size),
                "underpowered": size * smallest_p(n) > LEVEL,
            }
        )  # fmt: skip
    names = ["family", "comparisons", "seeds", "smallest_p", "smallest_holm", "seeds_needed", "detectable", "seeds_for_one"]
    return pd.DataFrame(rows, columns=[*names, "underpowered"])


def _power(effect: float, n: int, level: float) -> float:
    """How often a two-sided paired t test at `level` finds a difference of `effect` standard deviations.

    The mean of the normal power over the chi squared distribution of the observed variance, at 2,000 of its quantiles.
    """
    from scipy.special import chdtri, ndtr, stdtrit

    shares = (np.arange(2_000) + 0.5) / 2_000
    critical = float(stdtrit(n - 1, 1 - level / 2)) * np.sqrt(chdtri(n - 1, shares) / (n - 1))
    centre = effect * math.sqrt(n)
    return float((ndtr(centre - critical) + ndtr(-centre - critical)).mean())
