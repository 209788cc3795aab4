"""Does one regime do better than another? Differences between runs that share task, model, settings and seed.

The two runs of a pair share weights, data, order and coins at the start, so that much of the chance cancels. An interval
comes from the pairs as from any seeds, a p-value from flipping the signs of the differences in every way (Fisher 1935, section
21), corrected over a named family by Holm (1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from freerun.gap import CONDITIONAL
from freerun.stats.conditions import annotated
from freerun.stats.effects import cliffs_delta, hedges, improvement_paired
from freerun.stats.family import corrected
from freerun.stats.family import holm as holm
from freerun.stats.intervals import FEWEST, summarise
from freerun.stats.labels import MORE_IS_BETTER, positive

#: Up to so many pairs all sign patterns are tried; beyond, so many are drawn.
EXACT, DRAWN = 16, 100_000
_PAIR = ["task_label", "model_label", "setting", "seed", "metric", "unit", "step"]
_COMPARISON = ["task_label", "model_label", "setting", "metric", "unit"]
_COLUMNS = [
    *_COMPARISON, "baseline", "regime_label", "n", "ratio", "mean", "low", "high", "sd", "effect", "hedges",
    "delta", "improved", "improved_low", "improved_high", "p",
]  # fmt: skip


def against_baseline(
    steps: pd.DataFrame,
    conditions: pd.DataFrame,
    level: str = "free",
    family: Sequence[str] = ("metric",),
    key: int = 0,
) -> pd.DataFrame:
    """Every regime against the first one (teacher forcing, where it was run), paired over seeds.

    Args:
        steps: what `gap.exposure_gap` gives, of one split.
        conditions: what `stats.conditions.conditions` gives.
        level: the column that is compared, `free` or `forced`.
        family: the columns that rows of one family of comparisons share.
        key: which resamples and sign patterns, where there are too many to try all.

    Returns:
        One row for each task, model, setting, metric and regime: `baseline` and `regime_label`, `n` pairs, `ratio` (whether
        `mean`, `low`, `high` are a ratio, regime / baseline, or a difference, regime - baseline), `sd` (of the differences,
        of logarithms for a ratio), `effect` (their mean / sd, Cohen's d_z), `hedges` (the same without its bias), `delta`
        (Cliff's, of all runs of the two; 1: every one is better than every one of the baseline),
        `improved` with its bounds (the probability that a seed does better than the baseline's), `p` (sign flips), `family`
        and `holm` (p corrected over the family).
    """
    pairs = paired(steps, conditions, level)
    if pairs.empty:
        return corrected(pd.DataFrame(columns=_COLUMNS), family)
    by = ["baseline", "regime_label", *_COMPARISON]
    grouped = pairs.groupby(by, observed=True, sort=True)
    found = summarise(pairs, by, "difference", key=key)
    ratio, sd = grouped["ratio"].first().to_numpy(), grouped["difference"].std().to_numpy()
    effect = np.divide(found["mean"], sd, out=np.full(len(sd), np.nan), where=sd > 0)
    each = [rows.to_numpy() for _, rows in grouped["difference"]]
    better = [1 if metric in MORE_IS_BETTER else -1 for metric in found["metric"].astype(str)]
    improved = [improvement_paired(sign * values) for sign, values in zip(better, each, strict=True)]
    sides = [(rows["other"].to_numpy(), rows["first"].to_numpy()) for _, rows in grouped[["other", "first"]]]
    numbers = {name: np.where(ratio, np.exp(found[name]), found[name]) for name in ("mean", "low", "high")}
    table = found.assign(
        **numbers, ratio=ratio, sd=sd, effect=effect, hedges=hedges(effect, found["n"].to_numpy() - 1),
        delta=[sign * cliffs_delta(*both) for sign, both in zip(better, sides, strict=True)],
        improved=[one.mean for one in improved], improved_low=[one.low for one in improved],
        improved_high=[one.high for one in improved], p=sign_flips(each, key),
    )  # fmt: skip
    texts = {name: table[name].astype(object).map(str) for name in (*_COMPARISON, "baseline", "regime_label")}
    return corrected(table.assign(**texts)[_COLUMNS], family)


def paired(steps: pd.DataFrame, conditions: pd.DataFrame, level: str = "free") -> pd.DataFrame:
    """Every run beside the run of the first regime with its task, model, settings and seed.

    Returns:
        task_label, model_label, setting, seed, metric, unit, `baseline`, `regime_label`, the two levels `first` and `other`
        (averages over the steps at which both are defined), `ratio` (whether the comparison is one of logarithms) and
        `difference` (of `other` from `first`). A number that overflowed leaves its pair undefined.
    """
    table = annotated(steps, conditions)
    order = [name for name in conditions["regime_label"].cat.categories if (table["regime_label"] == name).any()]
    first = table.loc[table["regime_label"] == order[0], [*_PAIR, level]] if order else table
    found = []
    for name in order[1:]:
        other = table.loc[table["regime_label"] == name, [*_PAIR, level]]
        pairs = other.merge(first, on=_PAIR, suffixes=("", "_baseline"), validate="one_to_one")
        found.append(_compared(_levels(pairs, level)).assign(baseline=order[0], regime_label=name))
    if not found:
        return pd.DataFrame(columns=[*_PAIR[:-1], "baseline", "regime_label", "first", "other", "ratio", "difference"])
    both = pd.concat(found, ignore_index=True)
    return both.assign(regime_label=pd.Categorical(both["regime_label"], categories=order[1:]))


def sign_flip(differences: np.ndarray, key: int = 0) -> float:
    """The two-sided p-value of a mean of 0, from the means under all 2^n patterns of signs; NaN below three pairs."""
    return float(sign_flips([differences], key)[0])


def sign_flips(samples: Sequence[np.ndarray], key: int = 0) -> np.ndarray:
    """`sign_flip` of each sample; samples of one size share their patterns."""
    known = [values[np.isfinite(values)] for values in samples]
    sizes = np.array([len(values) for values in known], dtype=int)
    p = np.full(len(known), np.nan)
    for n in np.unique(sizes[sizes >= FEWEST]):
        signs = _patterns(int(n), key)
        extra = 0 if n <= EXACT else 1
        members = np.flatnonzero(sizes == n)
        for start in range(0, len(members), max(1, 4_000_000 // len(signs))):
            some = members[start : start + max(1, 4_000_000 // len(signs))]
            values = np.stack([known[i] for i in some], axis=1)
            means, seen = np.abs(signs @ values), np.abs(values.sum(axis=0))
            p[some] = ((means >= seen * (1 - 1e-12)).sum(axis=0) + extra) / (len(signs) + extra)
    return p


def _patterns(n: int, key: int) -> np.ndarray:
    """Patterns of signs of n differences: all of them, or as many as are drawn; [patterns n]."""
    if n <= EXACT:
        return 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    return np.random.Generator(np.random.Philox(key=[key, n])).choice((-1.0, 1.0), size=(DRAWN, n))


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
    return table.drop(columns="broken")


def _compared(levels: pd.DataFrame) -> pd.DataFrame:
    """Pairs with their difference: of logarithms where the metric is a ratio and no level of the comparison is 0 or below."""
    of = [positive(metric, unit) for metric, unit in zip(levels["metric"].astype(str), levels["unit"].astype(str), strict=True)]
    least = levels[["other", "first"]].min(axis=1)
    ratio = least.groupby([levels[name] for name in _COMPARISON], observed=True).transform("min").gt(0).to_numpy() & np.array(
        of, dtype=bool
    )
    other, first = (levels[name].to_numpy(dtype=float) for name in ("other", "first"))
    logarithms = np.log(np.where(ratio, other, 1)) - np.log(np.where(ratio, first, 1))
    return levels.assign(ratio=ratio, difference=np.where(ratio, logarithms, other - first))
