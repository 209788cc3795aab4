"""Confidence intervals of a mean over seeds: Student t below 20 seeds, BCa from there on, none below three.

Percentile bootstraps cover 75 % at n = 3 where they promise 95 %; Student t covers 95 %. From 20 seeds on the bootstrap needs
no normal distribution any more. Errors on a ratio scale are averaged as logarithms (geometric mean) where asked. An interval of
what cannot lie everywhere, as a share, ends where its range does: it covers in there what it covered before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaincinv, stdtrit

from freerun.analysis.inference.bootstrap import bca, mean_weights
from freerun.store.quantity import EVERYWHERE, Range

#: Fewer seeds than FEWEST give no interval; from MANY on it is a bootstrap's.
FEWEST, MANY = 3, 20
CONFIDENCE = 0.95
Numbers = float | np.ndarray | pd.Series
STATUSES = ("done", "diverged", "failed", "pending")
#: What becomes of a run that has ended without a result.
LOST = ("diverged", "failed")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over `n` seeds between `low` and `high`, which are NaN below three seeds."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def known(self) -> bool:
        """Whether there are enough seeds for an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


def mean_interval(
    values: Sequence[float] | np.ndarray,
    log: bool = False,
    confidence: float = CONFIDENCE,
    key: int = 0,
    within: Range = EVERYWHERE,
) -> Interval:
    """The mean of one value a seed with its interval; NaN is left out, and out of `n`.

    Args:
        values: one for each seed.
        log: take the geometric mean, with an interval on the logarithm; undefined unless all values are positive.
        confidence: how often such an interval covers the truth.
        key: which resamples, from 20 seeds on.
        within: where values can lie.
    """
    frame = pd.DataFrame({"all": 0, "value": np.asarray(values, dtype=float)})
    table = summarise(frame, ["all"], "value", log, confidence, key, within)
    if table.empty:
        return Interval(mean=float("nan"), low=float("nan"), high=float("nan"), n=0)
    row = table.iloc[0]
    return Interval(mean=float(row["mean"]), low=float(row["low"]), high=float(row["high"]), n=int(row["n"]))


def summarise(
    frame: pd.DataFrame,
    by: Sequence[str],
    value: str,
    log: bool = False,
    confidence: float = CONFIDENCE,
    key: int = 0,
    within: Range = EVERYWHERE,
) -> pd.DataFrame:
    """`mean_interval` of every group of rows; `frame` holds one row a seed in each group.

    Returns:
        The columns `by`, then mean, low, high, n; in the order of the groups.
    """
    values = frame[value].astype(float)
    if log:
        values = values.where(values > 0).transform("log")
    grouped = frame[list(by)].assign(value=values).groupby(list(by), observed=True, sort=True, dropna=False)["value"]
    table = grouped.agg(["mean", "std", "count"])
    n = table["count"].to_numpy()
    half = half_width(table["std"].to_numpy(), n, confidence)
    mean = table["mean"].to_numpy()
    low, high = mean - half, mean + half
    _resampled(values.to_numpy(), grouped.ngroup().to_numpy(), n, (low, high), confidence, key)
    ends = {"mean": mean, "low": low, "high": high}
    if log:
        bad = (frame[value] <= 0).groupby([frame[name] for name in by], observed=True, sort=True, dropna=False).any().to_numpy()
        ends = {name: np.where(bad, np.nan, np.exp(logs)) for name, logs in ends.items()}
    ends |= inside(ends["mean"], ends["low"], ends["high"], within)
    return table.reset_index()[list(by)].assign(**ends, n=n)


def of_positive(frame: pd.DataFrame, by: Sequence[str], value: str, log: bool, within: Range = EVERYWHERE) -> pd.DataFrame:
    """`summarise`, with the geometric mean, if `log`, of those groups alone all of whose known values are positive.

    Returns:
        As `summarise`; the groups in the order in which they come first in `frame`.
    """
    positive = (frame[value] > 0) | frame[value].isna()
    groups = positive.groupby([frame[name] for name in by], observed=True, sort=False, dropna=False)
    geometric = groups.transform("all") & log
    scales = [(scale, frame[geometric == scale]) for scale in (True, False) if (geometric == scale).any()]
    tables = [summarise(rows, by, value, scale, within=within) for scale, rows in scales]
    order = frame[list(by)].drop_duplicates()
    return order.merge(pd.concat(tables), on=list(by), how="left") if tables else order.assign(mean=[], low=[], high=[], n=[])


def inside(mean: Numbers, low: Numbers, high: Numbers, within: Range | Sequence[Range]) -> dict[str, np.ndarray]:
    """The bounds of intervals, `low` and `high`, brought into the range of what they are of; a mean beyond it leaves them.

    Args:
        within: one range for all intervals, or one for each.
    """
    lowest, highest = np.asarray(within, dtype=float).T if len(within) else (np.zeros(0), np.zeros(0))
    apart = (np.asarray(mean) < lowest) | (np.asarray(mean) > highest)
    ends = {"low": np.asarray(low, dtype=float), "high": np.asarray(high, dtype=float)}
    return {name: np.where(apart, values, np.clip(values, lowest, highest)) for name, values in ends.items()}


def _resampled(
    values: np.ndarray, group: np.ndarray, n: np.ndarray, bounds: tuple[np.ndarray, np.ndarray], confidence: float, key: int
) -> None:
    """Write the BCa bounds of every group of at least 20 seeds; groups of one size share their resamples."""
    if not (n >= MANY).any():
        return
    known = np.flatnonzero(~np.isnan(values) & (group >= 0))
    known = known[np.argsort(group[known], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(n)])
    for size in np.unique(n[n >= MANY]):
        of_size = np.flatnonzero(n == size)
        rows = values[known][starts[of_size][:, None] + np.arange(size)]
        finite = np.isfinite(rows).all(axis=1)
        for bound, resampled in zip(bounds, bca(rows[finite], mean_weights, confidence, key), strict=True):
            bound[of_size] = np.nan
            bound[of_size[finite]] = resampled


def half_width(std: np.ndarray, n: np.ndarray, confidence: float = CONFIDENCE) -> np.ndarray:
    """Half the width of a Student t interval from a sample standard deviation over `n` seeds; NaN below three."""
    enough = n >= FEWEST
    count = np.where(enough, n, FEWEST)
    width = stdtrit(count - 1, 0.5 + confidence / 2) * std / np.sqrt(count)
    return np.where(enough, width, np.nan)


def clopper_pearson(count: float, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact binomial interval for a share of which `count` in `n` were seen (Clopper & Pearson 1934)."""
    if n == 0:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - tail))
    return low, high


def counts(runs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """What became of the runs of every group.

    Returns:
        The columns `by`, then runs, done, diverged, failed, pending, and the Clopper-Pearson interval of the share of
        finished runs that diverged or failed (lost_low, lost_high).
    """
    flags = runs[list(by)].assign(runs=1, **{status: (runs["status"] == status).astype(int) for status in STATUSES})
    table = flags.groupby(list(by), observed=True, sort=True)[["runs", *STATUSES]].sum().reset_index()
    lost = table["diverged"] + table["failed"]
    pairs = [clopper_pearson(int(k), int(n)) for k, n in zip(lost, table["runs"] - table["pending"], strict=True)]
    return table.assign(lost_low=[low for low, _ in pairs], lost_high=[high for _, high in pairs])
