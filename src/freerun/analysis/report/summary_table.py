"""Summary table of the report: a row for each condition and metric, the gap between its levels, the runs lost."""

from __future__ import annotations

from collections.abc import Mapping

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
NO_ANSWER = "no true answer to what a model makes itself is known on this task: only free minus forced is (summary)"


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
    values = rows[["forced", "free"]].stack().dropna()
    log = meant.ratio and bool((values > 0).all())
    grouped = rows.groupby(CELL, observed=True, sort=True)
    table = grouped[["steps", "horizon"]].min().reset_index()
    named = {"metric": meant.name, "unit": meant.unit, "label": meant.label, "better": meant.better}
    table = table.assign(**named, log=log, written=OTHER_CONTINUATIONS in meant.blind)
    for name in LEVELS:
        geometric, within = log and name != "gap", meant.change if name == "gap" else meant.range
        means = summarise(rows, CELL, name, log=geometric, within=within)
        columns = {name: means["mean"], f"{name}_low": means["low"], f"{name}_high": means["high"]}
        columns |= {"n": means["n"]} if name == counted else {}
        if log and name == "gap":
            gaps = geometric_gaps(rows, CELL)
            columns |= {name: gaps["gap"], f"{name}_low": gaps["low"], f"{name}_high": gaps["high"]}
        middle = middles(rows, CELL, name, log=geometric, within=within)
        columns |= {f"{name}_{end}": middle[end] for end in ("iqm", "iqm_low", "iqm_high")}
        table = table.assign(**{key: value.to_numpy() for key, value in columns.items()})
    return table.assign(gap_p=tested(changes(rows, meant))["p"].to_numpy())


def exposure(material: Material) -> pd.DataFrame:
    """The exposure bias of every condition: its one-step error at what it was fed itself, minus that at what the truth fed.

    Returns:
        task, model, regime, metric, label, unit; forced (the error, fed the truth), free (fed its own output) and gap (their
        difference), each a mean over seeds with the ends `_low` and `_high` of its 95 % interval; factor (free over forced)
        likewise, for errors on a ratio scale, whose levels are geometric means (`log`); gap_p, n (runs with both). Where the
        truth does not answer for what a model made itself, the row says so in `note` and has no numbers.
    """
    names = {"task_label": "task", "model_label": "model", "method": "regime"}
    whole = one_step(material.whole, material.quantities)
    parts = []
    for _, rows in whole.groupby(["metric", "unit", "ratio"], observed=True, sort=False):
        table = _row(rows, material.quantities.of_rows(rows[:1])[0])
        log = bool(rows["ratio"].iloc[0])
        change = summarise(rows, CELL, "change")
        factors = {"factor": "mean", "factor_low": "low", "factor_high": "high"}
        parts.append(table.assign(**{name: np.exp(change[end]) if log else np.nan for name, end in factors.items()}))
    conditions = counts(material.runs, CELL)[list(CELL)]
    measured = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(CELL))
    for name in CELL:
        measured[name] = pd.Categorical(measured[name], categories=list(conditions[name].cat.categories))
    levels = [f"{name}{end}" for name in (*LEVELS, "factor") for end in ("", "_low", "_high")]
    table = conditions.merge(measured, on=list(CELL), how="left")
    table = table.reindex(columns=[*CELL, "metric", "label", "unit", *levels, "log", "gap_p", "n"])
    answered = table.groupby("task_label", observed=True)["metric"].transform("count") > 0
    lost = "no run of it is measured"
    table["note"] = np.where(table["metric"].notna(), "", np.where(answered, lost, NO_ANSWER))
    table["n"] = table["n"].fillna(0).astype(int)
    return table.sort_values(list(CELL)).rename(columns=names).reset_index(drop=True)
