"""Paired differences between runs that share task, model, settings and seed.

The two runs of a pair share weights, data, order and coins at the start, so that much of the chance cancels. Interval and
p-value are those of one test, Student's paired t on the scale of the measure: of logarithms for an error on a ratio scale, of
differences otherwise; the p-value is corrected over a named family by Holm (1979). Beside it stands what flipping the signs of
the differences in every way gives (Fisher 1935, section 21), which assumes no normal distribution, and counts only where seeds
learn all or nothing (`freerun.analysis.inference.change_interval`): of five pairs it cannot be below 1/16.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import bdtr

from freerun.analysis.inference.change_interval import Changes, all_at_ends, two_levels
from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.inference.effect_sizes import cliffs_delta, hedges, improvement_paired
from freerun.analysis.inference.empty_table import empty_table
from freerun.analysis.inference.multiple_comparisons import corrected
from freerun.analysis.inference.multiple_comparisons import holm as holm
from freerun.analysis.inference.replicates import annotated
from freerun.analysis.inference.rounding import ROUNDING
from freerun.analysis.inference.scales import unlogged
from freerun.analysis.tables.quantities import Quantities

#: Up to so many pairs all sign patterns are tried; beyond, so many are drawn.
EXACT, DRAWN = 16, 100_000
_PAIR = ["task_label", "model_label", "setting", "seed", "metric", "unit", "step"]
_MEASURED = _PAIR[:-1]
_RUN = ["task_label", "model_label", "setting", "seed"]
_RANKED = ["other_ranked", "first_ranked"]
_COMPARISON = ["task_label", "model_label", "setting", "metric", "unit"]
_COLUMNS = [
    *_COMPARISON, "label", "better", "baseline", "regime_label", "n", "ratio", "mean", "low", "high", "sd", "error", "freedom",
    "at_ends", "in_two", "baseline_mean", "baseline_error", "covariance", "paired", "effect", "hedges", "delta", "improved",
    "improved_low", "improved_high", "lost", "first_lost", "p", "p_signs",
]  # fmt: skip
_TEXTS = (*_COMPARISON, "label", "better", "baseline", "regime_label")


def against_baseline(
    steps: pd.DataFrame,
    conditions: pd.DataFrame,
    level: str = "free",
    family: Sequence[str] = ("label",),
    key: int = 0,
    lost: pd.DataFrame | None = None,
    *,
    quantities: Quantities,
) -> pd.DataFrame:
    """Every regime against the first one (teacher forcing, where it was run), paired over seeds.

    Args:
        steps: what `gap.exposure_gap` gives, of one split.
        conditions: what `replicates.conditions` gives.
        level: the column that is compared, `free` or `forced`.
        family: the columns that rows of one family of comparisons share.
        key: which sign patterns, where there are too many to try all.
        lost: run and seed of the runs that ended without a result, which have no steps.
        quantities: what the values mean.

    Returns:
        One row for each task, model, setting, metric and regime: `label` and `better` of the metric, `baseline` and
        `regime_label`, `n` pairs, `ratio` (whether `mean`, `low`, `high` are a ratio, regime / baseline, or a difference,
        regime - baseline; the interval is that of this comparison alone, at 95 %), `sd` (of the differences, of logarithms for
        a ratio), `error` and `freedom` (of their mean), `at_ends` (whether every level is at an end of what the measure can
        be), `in_two` (whether they are of two kinds, `two_levels`), `baseline_mean` (the mean level of the baseline over the
        pairs, with its `baseline_error` and its `covariance` with the mean of differences, not of logarithms), `paired` (True:
        by seed), `effect` (their mean / sd, Cohen's d_z), `hedges` (the same without its bias, and positive where the regime is
        better), `delta` (Cliff's, of all runs of the two; 1: every one is better than every one of the baseline), `improved`
        with its bounds (the probability that a seed does better than the baseline's), `lost` and `first_lost` (the shares of
        pairs of which the regime, or the baseline, alone has no result), `p` (of the t test whose interval that is), `p_signs`
        (of sign flips), `family` and `holm` (p corrected over the family). In `delta` and `improved` a lost run is worse than
        any other; all the rest is of the `n` pairs that have both results. Where neither way is better, all that says who is
        better is undefined.
    """
    pairs = paired(steps, conditions, level, lost, quantities=quantities)
    if pairs.empty:
        return corrected(empty_table(_COLUMNS, _TEXTS, ("ratio", "paired", "at_ends", "in_two")), family)
    by = ["baseline", "regime_label", *_COMPARISON]
    grouped = pairs.groupby(by, observed=True, sort=True)
    table = grouped.agg(mean=("difference", "mean"), sd=("difference", "std"), n=("difference", "count")).reset_index()
    ratio, sd, n = grouped["ratio"].first().to_numpy(), table["sd"].to_numpy(), table["n"].to_numpy()
    freedom = np.where(n >= FEWEST, n - 1.0, np.nan)
    error = sd / np.sqrt(np.maximum(n, 1))
    effect = np.divide(table["mean"], sd, out=np.full(len(sd), np.nan), where=sd > 0)
    samples = [rows.to_numpy() for _, rows in grouped["difference"]]
    measures = quantities.of_rows(table)
    mean, first_mean = table["mean"].to_numpy(), grouped["first"].mean().to_numpy()
    levels = [rows.to_numpy() for _, rows in grouped[["other", "first"]]]
    beside = np.array([_beside(*of.T) for of in levels]).reshape(-1, 2)
    at_ends = np.array([all_at_ends(of.ravel(), measure) for of, measure in zip(levels, measures, strict=True)])
    in_two = np.array([two_levels(*of.T) for of in levels], dtype=bool)
    p_signs = sign_flips(samples, key)
    changes = Changes(
        mean=mean, error=error, freedom=freedom, n=n, ratio=ratio, at_ends=at_ends, in_two=in_two, p_signs=p_signs,
        measures=measures,
    )  # fmt: skip
    ends = changes.interval()
    better = np.array([quantity.sign for quantity in measures])
    sides = [_known(*rows.to_numpy().T) for _, rows in grouped[_RANKED]]
    improved = [improvement_paired(sign * _signs(*pair)) for sign, pair in zip(better, sides, strict=True)]
    numbers = {name: unlogged(values, ratio) for name, values in {"mean": mean, **ends}.items()}
    table = table.assign(
        **numbers, ratio=ratio, error=error, freedom=freedom, effect=effect, hedges=better * hedges(effect, n - 1),
        at_ends=at_ends, in_two=in_two, baseline_mean=first_mean, baseline_error=beside[:, 0], covariance=beside[:, 1],
        paired=True,
        delta=[sign * cliffs_delta(*pair) for sign, pair in zip(better, sides, strict=True)],
        improved=[chance.mean for chance in improved], improved_low=[chance.low for chance in improved],
        improved_high=[chance.high for chance in improved], lost=[_alone(other, first) for other, first in sides],
        first_lost=[_alone(first, other) for other, first in sides],
        p=changes.p(), p_signs=p_signs,
    )  # fmt: skip
    texts = {name: table[name].astype(object).map(str) for name in (*_COMPARISON, "baseline", "regime_label")}
    return corrected(quantities.marked(table.assign(**texts))[_COLUMNS], family)


def _beside(other: np.ndarray, first: np.ndarray) -> tuple[float, float]:
    """The standard error of the mean of `first`, and its covariance with the mean difference; NaN below two pairs."""
    known = np.isfinite(other) & np.isfinite(first)
    x, y, n = other[known], first[known], int(known.sum())
    if n < 2:
        return float("nan"), float("nan")
    off = y - y.mean()
    return float(np.sqrt(off @ off / (n - 1) / n)), float(off @ (x - y) / (n - 1) / n)


def paired(
    steps: pd.DataFrame,
    conditions: pd.DataFrame,
    level: str = "free",
    lost: pd.DataFrame | None = None,
    *,
    quantities: Quantities,
) -> pd.DataFrame:
    """Every run beside the run of the first regime with its task, model, settings and seed.

    Returns:
        task_label, model_label, setting, seed, metric, unit, `baseline`, `regime_label`, the two levels `first` and `other`
        (averages over the steps at which both are defined), `ratio` (whether the comparison is one of logarithms) and
        `difference` (of `other` from `first`). A number that overflowed leaves its pair undefined, as does a lost run. For
        ranks, `other_ranked` and `first_ranked` are the same levels of each run alone, infinitely bad for such a run.
    """
    table = annotated(steps, conditions)
    gone = annotated(pd.DataFrame({"run": [], "seed": []}) if lost is None else lost, conditions)
    names = list(conditions["regime_label"].cat.categories)
    present = [name for name in names if (table["regime_label"] == name).any()]
    tables = []
    for name in names[names.index(present[0]) + 1 :] if present else []:
        first, other = (table.loc[table["regime_label"] == regime, [*_PAIR, level]] for regime in (present[0], name))
        pairs = other.merge(first, on=_PAIR, suffixes=("", "_baseline"), validate="one_to_one")
        without = [gone.loc[gone["regime_label"] == regime, _RUN] for regime in (name, present[0])]
        rows = [_levels(pairs, level, quantities), *_missing(other, first, without, level, quantities)]
        levels = pd.concat(rows, ignore_index=True)
        if len(levels):
            tables.append(_compared(levels, quantities).assign(baseline=present[0], regime_label=name))
    if not tables:
        columns = [*_MEASURED, *_RANKED, "first", "other", "baseline", "regime_label", "ratio", "difference"]
        return empty_table(columns, _TEXTS, ["ratio"])
    differences = pd.concat(tables, ignore_index=True)
    compared = [name for name in names if (differences["regime_label"] == name).any()]
    return differences.assign(regime_label=pd.Categorical(differences["regime_label"], categories=compared))


def sign_flips(samples: Sequence[np.ndarray], key: int = 0) -> np.ndarray:
    """The two-sided p-value of a mean of 0 for each sample, from all 2^n patterns of signs; NaN below three pairs.

    Above `EXACT` pairs patterns are drawn, which samples of one size share, but for differences that are all as large, or 0:
    these are heads and tails.
    """
    known = [values[np.isfinite(values)] for values in samples]
    sizes = np.array([len(values) for values in known], dtype=int)
    p = np.full(len(known), np.nan)
    for n in np.unique(sizes[sizes >= FEWEST]):
        signs = _patterns(int(n), key)
        extra = 0 if n <= EXACT else 1
        members = np.flatnonzero(sizes == n)
        for start in range(0, len(members), max(1, 4_000_000 // len(signs))):
            block = members[start : start + max(1, 4_000_000 // len(signs))]
            values = np.stack([known[i] for i in block], axis=1)
            means, seen = np.abs(signs @ values), np.abs(values.sum(axis=0))
            same = ROUNDING * np.abs(values).sum(axis=0)  # what rounding may have left of two sums that are equal, or 0
            p[block] = ((means >= seen - same).sum(axis=0) + extra) / (len(signs) + extra)
        if extra:
            p[members] = [_heads(known[i], drawn) for i, drawn in zip(members, p[members], strict=True)]
    return p


def _heads(differences: np.ndarray, drawn: float) -> float:
    """The p-value of as many heads of a coin, where differences are all as large, or 0; else what was drawn."""
    sizes = np.abs(differences[differences != 0])
    if len(sizes) and np.ptp(sizes) > ROUNDING * sizes.max():
        return drawn
    heads = int((differences > 0).sum())
    return float(min(1.0, 2 * bdtr(min(heads, len(sizes) - heads), len(sizes), 0.5)))


def _patterns(n: int, key: int) -> np.ndarray:
    """Patterns of signs of n differences: all of them, or as many as are drawn; [patterns n]."""
    if n <= EXACT:
        return 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    return np.random.Generator(np.random.Philox(key=[key, n])).choice((-1.0, 1.0), size=(DRAWN, n))


def _levels(pairs: pd.DataFrame, level: str, quantities: Quantities) -> pd.DataFrame:
    """Both levels of each pair of runs, averaged over the steps at which both are defined; overflow leaves a pair undefined."""
    names = {"other": level, "first": f"{level}_baseline"}
    known = pairs[list(names.values())].notna()
    complete = known.all(axis=1)
    plain = pd.Series(
        [condition is None for condition in quantities.where(pairs, "conditioned")], index=pairs.index, dtype=bool
    )
    columns = {side: pairs[name].where(complete) for side, name in names.items()}
    columns |= {f"{side}_own": pairs[name] for side, name in names.items()}
    columns |= {f"{side}_broken": plain & known.any(axis=1) & ~known[name] for side, name in names.items()}
    grouped = pairs[_MEASURED].assign(**columns).groupby(_MEASURED, observed=True, sort=True)
    table = grouped[["other", "first", "other_own", "first_own"]].mean()
    broken = grouped[["other_broken", "first_broken"]].any()
    for side in names:
        side_level = table[side].fillna(table[f"{side}_own"])
        table[f"{side}_ranked"] = side_level.where(~broken[f"{side}_broken"]).fillna(np.inf)
    table.loc[broken.any(axis=1), ["other", "first"]] = np.nan
    return _worst(table.drop(columns=["other_own", "first_own"]).reset_index(), quantities)


def _missing(
    other: pd.DataFrame, first: pd.DataFrame, lost: Sequence[pd.DataFrame], level: str, quantities: Quantities
) -> list[pd.DataFrame]:
    """A row for each pair of runs of which one or both, `lost` by side, have no steps at all."""
    sides = [side.groupby(_MEASURED, observed=True)[level].mean().reset_index(name="own") for side in (other, first)]
    kinds = pd.concat(sides)[_COMPARISON].drop_duplicates()
    gone = [lost_runs.merge(kinds, on=_COMPARISON[:3]).assign(own=np.inf) for lost_runs in lost]
    tables = []
    for pair in ((gone[0], sides[1]), (sides[0], gone[1]), (gone[0], gone[1])):
        rows = pair[0].merge(pair[1], on=_MEASURED, suffixes=("", "_baseline"))
        ranked = {"other_ranked": rows["own"].fillna(np.inf), "first_ranked": rows["own_baseline"].fillna(np.inf)}
        if len(rows):
            tables.append(_worst(rows[_MEASURED].assign(other=np.nan, first=np.nan, **ranked), quantities))
    return tables


def _worst(ranked: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """An infinite rank, of a run without a result, is the worst one: minus infinity where more is better."""
    more_is_better = (quantities.where(ranked, "better") == "higher")[:, None]
    values = ranked[_RANKED].to_numpy(dtype=float)
    return ranked.assign(**dict(zip(_RANKED, np.where(more_is_better & np.isinf(values), -np.inf, values).T, strict=True)))


def _known(other: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ranked levels of the two sides; undefined where no run at all has a result."""
    nothing = not np.isfinite(np.r_[other, first]).any()
    return (np.full(len(other), np.nan),) * 2 if nothing else (other, first)


def _alone(side: np.ndarray, partner: np.ndarray) -> float:
    """The share of pairs that lost the run of one side alone."""
    return float((np.isinf(side) & np.isfinite(partner)).mean())


def _signs(other: np.ndarray, first: np.ndarray) -> np.ndarray:
    """1 where a run exceeds its partner, -1 where it falls below it, 0 for a tie; NaN where nothing is known."""
    return np.where(np.isnan(other), np.nan, (other > first).astype(float) - (other < first))


def _compared(levels: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """Pairs with their difference: of logarithms where the metric is a ratio and every level of the comparison above rounding.

    A difference that is no larger than what rounding makes of equal levels is 0.
    """
    least = levels[["other", "first"]].min(axis=1)
    above = least.groupby([levels[name] for name in _COMPARISON], observed=True).transform("min").gt(ROUNDING).to_numpy()
    ratio = above & quantities.where(levels, "ratio").astype(bool)
    other, first = (levels[name].to_numpy(dtype=float) for name in ("other", "first"))
    logarithms = np.log(np.where(ratio, other, 1)) - np.log(np.where(ratio, first, 1))
    difference = np.where(ratio, logarithms, other - first)
    size = np.where(ratio, 1.0, np.maximum(1.0, np.maximum(np.abs(other), np.abs(first))))
    return levels.assign(ratio=ratio, difference=np.where(np.abs(difference) <= ROUNDING * size, 0.0, difference))
