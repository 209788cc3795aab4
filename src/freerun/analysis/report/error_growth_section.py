"""Section on error growth: "incremental distortion" and "self-recovery" as measured claims."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference import recovery_trend
from freerun.analysis.inference.confidence_intervals import FEWEST, summarise
from freerun.analysis.inference.error_growth_fit import growing
from freerun.analysis.inference.exposure_parts import tested
from freerun.analysis.inference.labels import measure
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import RISK, counted, listed, measured, number
from freerun.analysis.report.section import Grid, Section
from freerun.errors import given
from freerun.store.quantity import Quantity

_NOTE = (
    "Linear: errors add up, by b / a of the error at the release in each step. Exponential: they feed on themselves, at a rate "
    "g a step. Saturating: they stop growing, after s steps. Logistic: exponential at a rate g, then saturated. Constant: no "
    "growth is shown, since the slope of the logarithm of the error against the step has a 95 % interval over seeds with 0 in "
    "it, or since no form is better. Else the form with the smallest BIC of the geometric mean over seeds (by 10 at least), "
    "fitted to each seed alone, so that brackets are 95 % intervals over seeds; where a seed's number cannot be told from "
    "an infinite one, the median. Agree: the seeds that would choose the same form on their own. Off by: the largest factor by "
    "which the form misses the mean of a step."
)
_HEAD = ("Task", "Error", "Model", "Regime", "Form", "Number", "Value", "Agree", "Off by", "In words")
#: A form that misses the mean of a step by a larger factor is the best of those tried, and no description.
_CLOSE = 1.25


def section(material: Material) -> Section | None:
    """The section on how the free error grows with the step, and on changes whose sign is a finding; None without either."""
    table, changes = growing(material.steps, material.forecasts, material.quantities), _changes(material)
    if table.empty and not changes:
        return None
    grids = []
    sentences = []
    if len(table):
        rows = table.to_dict("records")
        sentences += [
            _tally(rows) + _misfit(rows),
            *(_told(task, rows, material.methods()[0]) for task in dict.fromkeys(table["task_label"])),
        ]
        title = f"The form of the free error against the step in {len(rows)} conditions"
        grids.append(Grid(title=title, head=_HEAD, rows=[_row(row) for row in rows]))
    sentences += _rates(material)
    left = [task for task in material.primary if len(table) and task not in set(table["task_label"].astype(str))]
    if left:
        sentences.append(f"Not fitted, for want of a forecast error on a ratio scale by lead time: {listed(left)}.")
    for change in changes:
        sentences.append(_change_sentence(*change))
        grids.append(_change_grid(*change))
    return Section(
        title="Does the error accumulate?",
        sentences=sentences,
        note=_NOTE if len(table) else "",
        tables=grids,
        figure="error_growth" if len(table) else "",
    )


def _rates(material: Material) -> list[str]:
    """What has a true value beside it and is neither better large nor small, as the rate at which small errors grow."""
    sentences, first = [], material.methods()[0]
    for key, rows in material.compared.groupby(["metric", "unit"], observed=True, sort=False):
        meant = material.quantities.of(*key)
        floor = material.compared[material.compared["metric"] == meant.floor_name]
        if meant.better != "neither" or floor.empty:
            continue
        true = material.quantities.of_rows(floor[:1])[0].label
        told = rows[(rows["method"] == first) & rows["task_label"].isin(list(material.forecasts))]
        for task, of_task in told.groupby("task_label", observed=True, sort=True):
            beside = floor.loc[floor["task_label"] == task, "value"].mean()
            means = [
                f"{row['model_label']} {measured(row['mean'], row['low'], row['high'])}{_of_seeds(row['n'], of_task, row)}"
                for row in summarise(of_task, CELL, "value").to_dict("records") if math.isfinite(row["mean"])
            ]  # fmt: skip
            if means:
                said = f"{meant.label} ({meant.unit}): {'; '.join(means)}"
                same = true.startswith(meant.label)
                remark = "" if same else "; fresh errors at every step let an error grow faster than that without exposure bias"
                scale = "beside it" if same else "for scale"
                sentences.append(f"{task}, {first}, {said}; {scale}, {true}: {number(beside)}{remark}.")
    return sentences


def _of_seeds(known: int, rows: pd.DataFrame, row: Mapping[Any, Any]) -> str:
    """How many seeds of a condition have a value, where not all do."""
    condition = rows[(rows[list(CELL)].astype(str) == [str(row[name]) for name in CELL]).all(axis=1)]
    total = condition["run"].nunique()
    return "" if known == total else f" (of {known} of {counted(total, 'seed')})"


def _tally(rows: list[dict[Any, Any]]) -> str:
    known = [row for row in rows if row["n"] >= FEWEST]
    kinds = {
        "accumulates at a constant rate": sum(row["form"] == "linear" for row in known),
        "grows exponentially": sum(row["form"] == "exponential" and row["low"] > 0 for row in known),
        "grows exponentially and then saturates": sum(row["form"] == "logistic" for row in known),
        "saturates": sum(row["form"] == "saturating" for row in known),
        "shrinks": sum(row["form"] == "exponential" and row["high"] < 0 for row in known),
        "is not shown to grow": sum(row["form"] == "constant" for row in known),
    }
    parts = [f"{name} in {count}" for name, count in kinds.items() if count]
    remaining = len(rows) - sum(kinds.values())
    parts += [f"cannot be judged in {remaining}"] if remaining else []
    return f"From the release on the free error {listed(parts)} of {len(rows)} conditions."


def _misfit(rows: list[dict[Any, Any]]) -> str:
    """What is to be said where the form that fits best does not fit."""
    poor = [row["off"] for row in rows if row["form"] != "constant" and row["off"] > _CLOSE]
    if not poor:
        return ""
    return (
        f" That is the form that fits best and no law: in {len(poor)} it misses the mean error of some step by a factor of "
        f"{number(min(poor))}{f' to {number(max(poor))}' if len(poor) > 1 else ''}."
    )


def _told(task: str, rows: list[dict[Any, Any]], first: str) -> str:
    of_task = [row for row in rows if row["task_label"] == task]
    method = first if any(row["method"] == first for row in of_task) else str(of_task[0]["method"])
    verdicts = [f"{row['model_label']}: {_minus(row['verdict'])}" for row in of_task if row["method"] == method]
    return f"{task}, {of_task[0]['label']} free, {method}: {'; '.join(verdicts)}."


def _row(row: Mapping[Any, Any]) -> list[str]:
    number = f"{row['number']} ({row['unit']})" if math.isfinite(row["value"]) else ""
    value = measured(row["value"], row["low"], row["high"]) if math.isfinite(row["value"]) else ""
    task, model, method = (str(row[name]) for name in CELL)
    agree = f"{row['fits']} of {row['seeds']}"
    off = measured(row["off"], math.nan, math.nan) if math.isfinite(row["off"]) else ""
    return [task, str(row["label"]), model, method, str(row["form"]), number, value, agree, off, _minus(row["verdict"])]


def _minus(text: str) -> str:
    return text.replace(" -", " \N{MINUS SIGN}").replace("[-", "[\N{MINUS SIGN}")


def _changes(material: Material) -> list[tuple[Quantity, pd.DataFrame]]:
    """The changes whose sign is the finding, each with its mean over seeds and a verdict for every condition."""
    changes = []
    for key, rows in material.compared.groupby(["metric", "unit"], observed=True, sort=False):
        meant = material.quantities.of(*key)
        if meant.signs is not None:
            table = summarise(rows, CELL, "value")
            said = [recovery_trend.verdict(row["low"], row["high"], meant.signs) for row in table.to_dict("records")]
            tests = tested(rows.assign(change=rows["value"]))
            table = table.merge(tests[[*CELL, "holm"]], on=CELL, how="left")
            changes.append((meant, table.assign(verdict=said)))
    return changes


def _title(meant: Quantity) -> str:
    return f"{meant.label}, over {meant.conditioned}" if meant.conditioned else meant.label


def _change_sentence(meant: Quantity, table: pd.DataFrame) -> str:
    below, above = given(meant.signs)
    kinds = {
        below: f"lies below 0 ({below})", above: f"lies above 0 ({above})",
        recovery_trend.UNDECIDED: "has an interval that includes 0", recovery_trend.UNDEFINED: "has no interval",
    }  # fmt: skip
    parts = []
    for word, words in kinds.items():
        rows = table[table["verdict"] == word]
        if len(rows):
            where = [f"{task} {len(of_task)}" for task, of_task in rows.groupby("task_label", observed=True, sort=False)]
            parts.append(f"{words} in {len(rows)} ({listed(where)})")
    found = table["verdict"].isin((below, above))
    shown = int((found & (table["holm"] <= LEVEL)).sum())
    by_chance = f" Each by its own 95 % interval; {shown} is shown {RISK}." if shown < found.sum() else ""
    by_chance = by_chance if shown == 1 else by_chance.replace(" is shown", " are shown")
    return f"{_title(meant)}: {listed(parts)} of {len(table)} conditions.{by_chance}"


def _change_grid(meant: Quantity, table: pd.DataFrame) -> Grid:
    rows = [
        [*(str(row[name]) for name in CELL), measured(row["mean"], row["low"], row["high"]), str(row["n"]), row["verdict"]]
        for row in table.to_dict("records")
    ]
    head = ("Task", "Model", "Regime", measure(meant.label, meant.unit), "n", "Verdict")
    return Grid(title=_title(meant), head=head, rows=rows)
