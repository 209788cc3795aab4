"""How far could the mean over seeds be off? Student t intervals; none below three seeds.

Percentile bootstraps cover 75 % at n = 3 where they promise 95 %; Student t covers 95 %. Errors on a ratio scale are averaged
as logarithms (geometric mean) where asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaincinv, stdtrit

#: Fewer seeds than this give no interval.
FEWEST = 3
CONFIDENCE = 0.95
STATUSES = ("done", "diverged", "failed", "pending")


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


def mean_interval(values: Sequence[float] | np.ndarray, log: bool = False, confidence: float = CONFIDENCE) -> Interval:
    """The mean of one value a seed with its Student t interval; NaN is left out, and out of `n`.

    Args:
        values: one for each seed.
        log: take the geometric mean, with an interval on the logarithm; undefined unless all values are positive.
        confidence: how often such an interval covers the truth.
    """
    table = summarise(pd.DataFrame({"all": 0, "value": np.asarray(values, dtype=float)}), ["all"], "value", log, confidence)
    if table.empty:
        return Interval(mean=float("nan"), low=float("nan"), high=float("nan"), n=0)
    row = table.iloc[0]
    return Interval(mean=float(row["mean"]), low=float(row["low"]), high=float(row["high"]), n=int(row["n"]))


def summarise(
    frame: pd.DataFrame, by: Sequence[str], value: str, log: bool = False, confidence: float = CONFIDENCE
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
    found = {"mean": mean, "low": mean - half, "high": mean + half}
    if log:
        bad = (frame[value] <= 0).groupby([frame[name] for name in by], observed=True, sort=True, dropna=False).any().to_numpy()
        found = {name: np.where(bad, np.nan, np.exp(each)) for name, each in found.items()}
    return table.reset_index()[list(by)].assign(**found, n=n)


def half_width(std: np.ndarray, n: np.ndarray, confidence: float = CONFIDENCE) -> np.ndarray:
    """Half the width of a Student t interval from a sample standard deviation over `n` seeds; NaN below three."""
    enough = n >= FEWEST
    count = np.where(enough, n, FEWEST)
    width = stdtrit(count - 1, 0.5 + confidence / 2) * std / np.sqrt(count)
    return np.where(enough, width, np.nan)


def clopper_pearson(count: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
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
