"""Interquartile mean over seeds: without the luckiest and the unluckiest quarter.

The mean of the middle half of the seeds (Agarwal et al. 2021, NeurIPS, section 4.3; `scipy.stats.trim_mean(x, 0.25)`). Its
interval is that of Yuen (1974) below 20 seeds, Student t on the winsorised squares, and BCa from 20 on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from freerun.analysis.inference.bootstrap import bca
from freerun.analysis.inference.confidence_intervals import CONFIDENCE, FEWEST, MANY, inside
from freerun.store.quantity import EVERYWHERE, Range

_CUT = 0.25
#: Fewer seeds have no quarter to be cut off: their interquartile mean is the mean.
LEAST = 4


def middles(frame: pd.DataFrame, by: Sequence[str], value: str, log: bool = False, within: Range = EVERYWHERE) -> pd.DataFrame:
    """The interquartile mean of every group of rows, of which each is one seed; of logarithms where asked, for positive values.

    NaN is left out. Values lie `within` a range, and so do the intervals.

    Returns:
        The columns `by`, then iqm, iqm_low, iqm_high; undefined below three seeds.
    """
    values = frame[value].to_numpy(dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.log(values) if log else values
    grouped = frame.groupby(list(by), observed=True, sort=True)
    table = grouped.size().reset_index()[list(by)]
    group = np.where(np.isfinite(values), grouped.ngroup().to_numpy(), -1)
    sizes = np.bincount(group[group >= 0], minlength=len(table))
    ends = np.full((3, len(table)), np.nan)
    for n in np.unique(sizes[sizes >= FEWEST]):
        chosen = np.flatnonzero(sizes == n)
        places = np.flatnonzero(np.isin(group, chosen))
        rows = values[places[np.argsort(group[places], kind="stable")]].reshape(-1, n)
        ends[:, chosen] = _of_rows(rows)
    ends = np.exp(ends) if log else ends
    bounded = inside(ends[0], ends[1], ends[2], within)
    return table.assign(iqm=ends[0], iqm_low=bounded["low"], iqm_high=bounded["high"])


def _of_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The interquartile mean of each row of n finite values, and the bounds of its interval."""
    n = rows.shape[1]
    ordered = np.sort(rows, axis=1)
    middle = (ordered * iqm_weights(n)).sum(axis=1)  # a product of matrices has other last bits beside other rows
    if n >= MANY:
        return middle, *bca(ordered, iqm_weights, CONFIDENCE)
    if n < FEWEST:
        return middle, np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    cut = int(_CUT * n)
    kept = n - 2 * cut
    winsorised = np.clip(ordered, ordered[:, cut, None], ordered[:, n - 1 - cut, None]).std(axis=1, ddof=1)
    half = float(stdtrit(kept - 1, 0.5 + CONFIDENCE / 2)) * winsorised * np.sqrt((n - 1) / (kept * (kept - 1)))
    return middle, middle - half, middle + half


def iqm_weights(n: int) -> np.ndarray:
    """The weights of the interquartile mean of n sorted values."""
    cut = int(_CUT * n)
    weights = np.zeros(n)
    weights[cut : n - cut] = 1 / (n - 2 * cut)
    return weights
