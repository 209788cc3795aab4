"""Exposure gap of a condition with its interval, on the scale of the measure.

For an error on a ratio scale both levels are geometric means over seeds, with intervals on logarithms; the gap is their
difference, free - forced, and its interval is recovered from theirs and from how the two go together over seeds (MOVER: Zou,
Huo & Taleban 2009, Environmetrics 20, 172-180, for differences of lognormal means; Zou 2007 for pairs). Arithmetic means of
such gaps with Student's t cover 84 % where they promise 95 % (n = 3, a free error of log-sd 1). Any other gap is the mean of
the differences of the runs, with Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from freerun.analysis.inference.confidence_intervals import CONFIDENCE, half_width


def geometric_gaps(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The difference of the geometric means of both levels, `free` and `forced`, over the seeds of every group; a row a seed.

    Returns:
        The columns `by`, then gap, low, high, n; the bounds are NaN below three seeds, everything where a level is not
        positive.
    """
    table = frame[list(by)].assign(**{name: _logs(frame[name]) for name in ("free", "forced")})
    complete = table["free"].notna() & table["forced"].notna()
    bad = ((frame["free"] <= 0) | (frame["forced"] <= 0)).groupby([frame[name] for name in by], observed=True, sort=True).any()
    table[["free", "forced"]] = table[["free", "forced"]].where(complete)
    grouped = table.groupby(list(by), observed=True, sort=True)
    mean, n = grouped[["free", "forced"]].mean(), grouped["free"].count().to_numpy()
    sd, apart = grouped[["free", "forced"]].std(), table[["free", "forced"]] - grouped[["free", "forced"]].transform("mean")
    product = (apart["free"] * apart["forced"]).groupby([table[name] for name in by], observed=True, sort=True).sum()
    x, y = mean["free"].to_numpy(), mean["forced"].to_numpy()
    covariance = product.to_numpy() / np.maximum(n - 1, 1)
    size = (sd["free"] * sd["forced"]).to_numpy()
    alike = np.clip(np.divide(covariance, size, out=np.zeros(len(size)), where=size > 0), -1, 1)
    above, below = (_ends(of, sd[name].to_numpy(), n) for of, name in ((x, "free"), (y, "forced")))
    gap = np.exp(x) - np.exp(y)
    low = gap - _recovered(above[0], below[1], alike)
    high = gap + _recovered(above[1], below[0], alike)
    numbers = {name: np.where(bad.to_numpy(), np.nan, values) for name, values in (("gap", gap), ("low", low), ("high", high))}
    return mean.reset_index()[list(by)].assign(**numbers, n=n)


def _logs(values: pd.Series) -> pd.Series:
    logarithms: pd.Series = values.astype(float).where(values > 0).transform("log")
    return logarithms


def _ends(mean: np.ndarray, sd: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the bounds of a geometric mean lie below and above it."""
    half = half_width(sd, n, CONFIDENCE)
    middle = np.exp(mean)
    return middle - np.exp(mean - half), np.exp(mean + half) - middle


def _recovered(first: np.ndarray, second: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """How far the bound of a difference lies from it, by the distances of those of its parts, and by their correlation."""
    distance: np.ndarray = np.sqrt(np.maximum(0.0, first**2 + second**2 - 2 * alike * first * second))
    return distance
