"""Does one regime do better than another? Differences between runs that share task, model, settings and seed.

The two runs of a pair share weights, data, order and coins at the start, so that much of the chance cancels. An interval
comes from Student t over the pairs, a p-value from flipping the signs of the differences in every way (Fisher 1935, section
21), corrected over the family by Holm (1979).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from freerun.gap import CONDITIONAL
from freerun.stats.conditions import annotated
from freerun.stats.intervals import FEWEST, mean_interval
from freerun.stats.labels import positive

#: Up to so many pairs all sign patterns are tried; beyond, so many are drawn.
EXACT, DRAWN = 16, 100_000
_PAIR = ["task_label", "model_label", "setting", "seed", "metric", "unit", "step"]
_FAMILY = ["task_label", "model_label", "setting", "metric", "unit"]
_COLUMNS = [*_FAMILY, "baseline", "regime_label", "n", "ratio", "mean", "low", "high", "effect", "p"]


def against_baseline(steps: pd.DataFrame, conditions: pd.DataFrame, level: str = "free") -> pd.DataFrame:
    """Every regime against the first one (teacher forcing, where it was run), paired over seeds.

    Args:
        steps: what `gap.exposure_gap` gives, of one split.
        conditions: what `stats.conditions.conditions` gives.
        level: the column that is compared, `free` or `forced`.

    Returns:
        One row for each task, model, setting, metric and regime: `baseline` and `regime_label`, `n` pairs, `ratio` (whether
        `mean`, `low`, `high` are a ratio, regime / baseline, or a difference, regime - baseline), `effect` (mean / standard
        deviation of the differences), `p` (sign flips) and `holm` (p corrected over all rows of the same metric).
    """
    table = annotated(steps, conditions)
    order = [name for name in conditions["regime_label"].cat.categories if (table["regime_label"] == name).any()]
    if len(order) < 2:
        return pd.DataFrame(columns=[*_COLUMNS, "holm"])
    first = table.loc[table["regime_label"] == order[0], [*_PAIR, level]]
    rows = []
    for name in order[1:]:
        other = table.loc[table["regime_label"] == name, [*_PAIR, level]]
        pairs = other.merge(first, on=_PAIR, suffixes=("", "_baseline"), validate="one_to_one")
        levels = _levels(pairs, level)
        for key, each in levels.groupby(_FAMILY, observed=True, sort=True):
            named = dict(zip(_FAMILY, map(str, key), strict=True))
            rows.append(
                {
                    **named,
                    "baseline": order[0],
                    "regime_label": name,
                    **_compared(each, positive(named["metric"], named["unit"])),
                }
            )
    found = pd.DataFrame(rows, columns=_COLUMNS)
    return found.assign(holm=found.groupby("metric", observed=True)["p"].transform(lambda p: holm(p.to_numpy())))


def sign_flip(differences: np.ndarray) -> float:
    """The two-sided p-value of a mean of 0, from the means under all 2^n patterns of signs; NaN below three pairs."""
    values = differences[np.isfinite(differences)]
    n = len(values)
    if n < FEWEST:
        return float("nan")
    if n <= EXACT:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        extra = 0
    else:
        signs = np.random.Generator(np.random.Philox(key=0)).choice((-1, 1), size=(DRAWN, n))
        extra = 1
    means, seen = np.abs(signs @ values), abs(values.sum())
    return float(((means >= seen * (1 - 1e-12)).sum() + extra) / (len(signs) + extra))


def holm(p: np.ndarray) -> np.ndarray:
    """The p-values of a family, corrected so that one false finding in the family is as rare as one of them was (Holm 1979)."""
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    corrected = np.full(len(p), np.nan)
    factors = len(order) - np.arange(len(order))
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return corrected


def _levels(pairs: pd.DataFrame, level: str) -> pd.DataFrame:
    """Both levels of each pair of runs, averaged over the steps at which both are defined; overflow leaves a pair undefined."""
    names = [level, f"{level}_baseline"]
    both = pairs[names].notna().all(axis=1)
    alone = (pairs[names].notna().any(axis=1) & ~both) & ~pairs["metric"].isin(CONDITIONAL)
    keys = [name for name in _PAIR if name != "step"]
    grouped = pairs[keys].assign(
        other=pairs[level].where(both), first=pairs[f"{level}_baseline"].where(both), broken=alone
    ).groupby(keys, observed=True, sort=True)  # fmt: skip
    table = grouped[["other", "first"]].mean().assign(broken=grouped["broken"].any()).reset_index()
    table.loc[table["broken"], ["other", "first"]] = np.nan
    return table


def _compared(pairs: pd.DataFrame, ratio: bool) -> dict[str, Any]:
    other, first = pairs["other"].to_numpy(), pairs["first"].to_numpy()
    ratio = ratio and bool((np.r_[other, first][np.isfinite(np.r_[other, first])] > 0).all())
    differences = np.log(other) - np.log(first) if ratio else other - first
    interval = mean_interval(differences)
    spread = float(np.nanstd(differences, ddof=1)) if interval.n > 1 else float("nan")
    numbers = [interval.mean, interval.low, interval.high]
    mean, low, high = np.exp(numbers) if ratio else numbers
    effect = interval.mean / spread if spread > 0 else float("nan")
    return {
        "n": interval.n, "ratio": ratio, "mean": float(mean), "low": float(low), "high": float(high),
        "effect": effect, "p": sign_flip(differences),
    }  # fmt: skip
