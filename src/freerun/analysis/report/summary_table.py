"""Summary table of the report: a row for each condition and metric, the gap between its levels, the runs lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import counts, summarise
from freerun.analysis.inference.exposure_parts import changes, one_step, tested
from freerun.analysis.inference.gap_interval import geometric_gaps
from freerun.analysis.inference.interquartile_mean import middles
from freerun.analysis.inference.labels import ALWAYS_SHOWN, with_end
from freerun.analysis.inference.replicates import CELL
from freerun.store.quantity import OTHER_CONTINUATIONS, Quantity

LEVELS = ("forced", "free", "gap")
#: Why a task has no exposure bias in numbers.
NO_ANSWER = "no error at each step against the true answer is measured on this task: only free minus forced is (summary)"


def full(material: Material) -> pd.DataFrame:
    """Every condition with the task's primary metric, the metrics of whole rollouts, and all others that are no diagnostics.

    Returns:
        task_label, model_label, method, metric, unit, label and better (of the metric), written (whether it is taken against
        the one continuation that was written), primary (whether this is the task's error), gap_p (the p-value of no gap:
        Student's t of the change from forced to free, of logarithms for errors on a ratio scale); for each of forced, free
        and gap the mean with `_low` and `_high`, and the interquartile mean, `_iqm`, with `_iqm_low` and `_iqm_high`; `log`
        (whether the levels are geometric means, of the middle half too, and the gap is their difference), n (seeds with a
        defined gap), steps and horizon (fewest steps averaged over, of how many), and the counts of
        `confidence_intervals.counts`; `end`: where the schedule of its regime ends (a share of truth), which
        `labels.with_end` puts beside its name; undefined of regimes without one; `chosen`: what was tuned of it, in words,
        which stands there too. A condition whose every run is lost has a row too, with undefined numbers. Of a task with
        comparisons alone, the rows are of its first headline, running free, and n its seeds.
    """
    whole = material.whole[material.reported(material.whole)]
    parts = [_row(rows, material.quantities.of(*key)) for key, rows in whole.groupby(["metric", "unit"], observed=True)]
    parts += [
        _row(rows, material.quantities.of(*key), "free")
        for key, rows in _beside_alone(material).groupby(["metric", "unit"], observed=True)
    ]
    became = counts(material.runs, CELL)
    measured = (
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*CELL, "metric", "unit", "label", "better"])
    )
    for name in CELL:
        measured[name] = pd.Categorical(measured[name], categories=list(became[name].cat.categories))
    table = became.merge(measured, on=CELL, how="left")
    table = _under_their_error(table, material.shown)
    table["primary"] = [
        not isinstance(row["metric"], str) or row["metric"] == material.shown.get(str(row["task_label"]))
        for row in table.to_dict("records")
    ]
    if ALWAYS_SHOWN in material.runs:
        ends = material.runs.groupby(CELL, observed=True)[ALWAYS_SHOWN].first().rename("end")
        table = table.merge(ends.reset_index(), on=CELL, how="left")
    else:
        table["end"] = float("nan")
    table["chosen"] = [
        material.chosen.get((str(task), str(model), str(method)), "")
        for task, model, method in table[CELL].itertuples(index=False, name=None)
    ]
    table["n"] = table["n"].fillna(0).astype(int) if "n" in table else 0
    return table.sort_values(
        [*CELL[:1], "primary", "metric", *CELL[1:]], ascending=[True, False, True, True, True]
    ).reset_index(drop=True)


def _beside_alone(material: Material) -> pd.DataFrame:
    """The levels, running free, of the first headline of each task that has no measure of both modes, but comparisons alone."""
    first = {task: name for task, name in material.shown.items() if task not in material.primary}
    rows = material.levels()[1] if first else material.whole[:0]
    return rows[rows["task_label"].astype(object).map(first) == rows["metric"].astype(object)]


def _under_their_error(table: pd.DataFrame, shown: Mapping[str, str]) -> pd.DataFrame:
    """Conditions of which nothing is measured, since every run is lost, stand with the others, under their task's own error."""
    known = table.dropna(subset=["metric"])
    for task, metric in shown.items():
        of = known[(known["task_label"] == task) & (known["metric"] == metric)]
        empty = (table["task_label"] == task) & table["metric"].isna()
        if len(of) and empty.any():
            for name in ("metric", "unit", "label", "better", "log", "written"):
                table.loc[empty, name] = of[name].iloc[0]
    return table


def short(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `full` that fit a terminal, with the task's own error alone.

    The gap is the difference of its levels; `log` says where these are geometric means.
    """
    names = {"task_label": "task", "model_label": "model", "method": "regime"}
    kept = [
        *names,
        "metric",
        "unit",
        "forced",
        "free",
        "gap",
        "gap_low",
        "gap_high",
        "log",
        "n",
        "diverged",
        "failed",
        "pending",
    ]
    rows = table[table["primary"]]
    shown = [with_end(str(row["method"]), row["end"], row["chosen"]) for row in rows.to_dict("records")]
    return rows.reindex(columns=kept).assign(method=shown).rename(columns=names).reset_index(drop=True)


def _row(rows: pd.DataFrame, meant: Quantity, counted: str = "gap") -> pd.DataFrame:
    """The levels of a measure, a row for each condition; `n` counts the seeds of which `counted` is defined."""
    log = meant.ratio and bool((rows[["forced", "free"]].stack().dropna() > 0).all())
    table = rows.groupby(CELL, observed=True, sort=True)[["steps", "horizon"]].min().reset_index()
    table = table.assign(**_named(meant), log=log, written=OTHER_CONTINUATIONS in meant.blind)
    levels = _levels(rows, CELL, meant, log=log, counted=counted).drop(columns=CELL)
    table = table.assign(**{str(name): levels[name].to_numpy() for name in levels})
    for name in LEVELS:
        middle = middles(rows, CELL, name, log=log and name != "gap", within=meant.change if name == "gap" else meant.range)
        table = table.assign(**{f"{name}_{end}": middle[end].to_numpy() for end in ("iqm", "iqm_low", "iqm_high")})
    return table.assign(gap_p=tested(changes(rows, meant))["p"].to_numpy())


def _named(meant: Quantity) -> dict[str, str]:
    return {"metric": meant.name, "unit": meant.unit, "label": meant.label, "better": meant.better}


def _levels(rows: pd.DataFrame, by: Sequence[str], meant: Quantity, *, log: bool, counted: str = "gap") -> pd.DataFrame:
    """Forced, free and gap, each the mean with the ends `_low` and `_high` of its interval, and `n`, of every group of `rows`.

    Args:
        rows: one row a seed in each group, of one metric.
        by: the columns that make the groups, which come first in the result.
        meant: the metric.
        log: whether levels are geometric means, and the gap their difference.
        counted: the level of which `n` counts the seeds where it is defined.
    """
    table = pd.DataFrame()
    for name in LEVELS:
        if log and name == "gap":
            means = geometric_gaps(rows, by).rename(columns={"gap": "mean"})
        else:
            means = summarise(rows, by, name, log=log, within=meant.change if name == "gap" else meant.range)
        ends = {name: means["mean"], f"{name}_low": means["low"], f"{name}_high": means["high"]}
        ends |= {"n": means["n"]} if name == counted else {}
        table = (means[list(by)] if table.empty else table).assign(**{key: of.to_numpy() for key, of in ends.items()})
    return table


def exposure(material: Material) -> pd.DataFrame:
    """The exposure bias of every condition: its one-step error at what it was fed itself, minus that at what the truth fed.

    Returns:
        task, model, regime, metric, label, unit; forced (the error, fed the truth), free (fed its own output) and gap (their
        difference), each a mean over seeds with the ends `_low` and `_high` of its 95 % interval; factor (free over forced)
        likewise, for errors on a ratio scale, whose levels are geometric means (`log`); gap_p, n (runs with both). Where the
        truth does not answer for what a model made itself, the row says so in `note` and has no numbers.
    """
    whole = one_step(material.whole, material.quantities)
    parts = [_row(rows, meant).assign(**_factors(rows, CELL)) for meant, rows in _by_measure(whole, material)]
    return _answered(parts, ["gap_p", "n"], material)


def exposure_by_lead(material: Material) -> pd.DataFrame:
    """The exposure bias of every condition at each lead time; intervals are of one lead alone, not of all at once.

    Returns:
        The columns of `exposure` without `gap_p`, with `step` (since the release: 1 is the first prediction after the last
        forced one, where both levels agree), a row for each; one row without a step where there are no numbers.
    """
    by = [*CELL, "step"]
    parts = []
    for meant, rows in _by_measure(one_step(material.steps[material.steps["step"] >= 1], material.quantities), material):
        paired = rows[rows["gap"].notna()]
        table = _levels(paired, by, meant, log=bool(rows["ratio"].iloc[0]))
        parts.append(table.assign(**_named(meant), log=bool(rows["ratio"].iloc[0]), **_factors(paired, by)))
    return _answered(parts, ["n"], material, ["step"])


def _by_measure(rows: pd.DataFrame, material: Material) -> Iterator[tuple[Quantity, pd.DataFrame]]:
    """The one-step errors of `exposure_parts.one_step`, those of one measure and scale together."""
    for _, of in rows.groupby(["metric", "unit", "ratio"], observed=True, sort=False):
        yield material.quantities.of_rows(of[:1])[0], of


def _factors(rows: pd.DataFrame, by: Sequence[str]) -> dict[str, np.ndarray]:
    """Free over forced with its interval, in the order of the groups; undefined where the error is on no ratio scale."""
    change, log = summarise(rows, by, "change"), bool(rows["ratio"].iloc[0])
    ends = {"factor": "mean", "factor_low": "low", "factor_high": "high"}
    return {name: np.exp(change[end].to_numpy()) if log else np.full(len(change), np.nan) for name, end in ends.items()}


def _answered(
    parts: Sequence[pd.DataFrame], counted: Sequence[str], material: Material, beside: Sequence[str] = ()
) -> pd.DataFrame:
    """The measured parts of every condition in one frame, with a `note` on those that have none.

    Args:
        parts: rows of some measures.
        counted: their last columns.
        material: of the study.
        beside: the columns that tell apart the rows of a condition.
    """
    conditions = counts(material.runs, CELL)[list(CELL)]
    measured = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(CELL))
    for name in CELL:
        measured[name] = pd.Categorical(measured[name], categories=list(conditions[name].cat.categories))
    levels = [f"{name}{end}" for name in (*LEVELS, "factor") for end in ("", "_low", "_high")]
    table = conditions.merge(measured, on=list(CELL), how="left")
    table = table.reindex(columns=[*CELL, "metric", "label", "unit", *beside, *levels, "log", *counted])
    answered = table.groupby("task_label", observed=True)["metric"].transform("count") > 0
    lost = "no run of it is measured"
    table["note"] = np.where(table["metric"].notna(), "", np.where(answered, lost, NO_ANSWER))
    table = table.astype({"n": "float", **dict.fromkeys(beside, "Int64")})
    table["n"] = table["n"].fillna(0).astype(int)
    names = {"task_label": "task", "model_label": "model", "method": "regime"}
    return table.sort_values([*CELL, *beside]).rename(columns=names).reset_index(drop=True)
