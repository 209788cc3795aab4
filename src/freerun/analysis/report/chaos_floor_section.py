"""Section on the chaos floor: the part of a gap that is the world's own, and the exposure bias beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freerun.analysis.figures import Material
from freerun.analysis.inference.chaos_share import shares, split
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import listed, measured, number, with_unit
from freerun.analysis.report.section import Grid, Section

_NOTE = (
    "Chaos floor: the error of the true system when it is started off by the model's own error at the first step, by lead "
    "time. Of the gap, free minus forced, the part up to the floor is what the world makes of that error; the part above it "
    "the model adds in closed loop, and it is negative where the loop stays closer to the truth than the world would from "
    "there. Arithmetic means over seeds of averages over the steps since the release, with 95 % intervals; a share of the gap "
    "is the ratio of two such means, with the interval of Fieller (1954). Over many Lyapunov times floor and free error both "
    "reach the size of the attractor, so read the shares beside the figure."
)
_HEAD = ("Task", "Model", "Regime", "Chaos floor", "Free", "The world's part", "Exposure bias", "Its share of the gap", "n")


def section(material: Material) -> Section | None:
    """The gap of every condition with a floor in its two parts; None where no task has one."""
    parts = split(material.steps, material.compared, material.quantities)
    if parts.empty:
        return None
    table = shares(parts, CELL, material.quantities.each(parts[:1])[0].range)
    table = table[table["n"] > 0]
    if table.empty:
        return None
    rows = table.to_dict("records")
    return Section(
        title="How much of the gap is the world's own?",
        sentences=[_tally(rows), *_without_a_share(rows), *(_told(task, rows, material.methods()[0]) for task in _tasks(rows))],
        note=_NOTE,
        tables=[Grid(title=f"The gap of {len(rows)} conditions in its parts", head=_HEAD, rows=[_row(row) for row in rows])],
        figure="chaos_floor",
    )


def _tasks(rows: list[dict[Any, Any]]) -> list[str]:
    return list(dict.fromkeys(str(row["task_label"]) for row in rows))


def _tally(rows: list[dict[Any, Any]]) -> str:
    known = [row for row in rows if row["bias_low"] == row["bias_low"]]
    if not known:
        return "With fewer than three seeds there are no intervals: the parts of the gap below are those of single runs."
    above, below = sum(row["bias_low"] > 0 for row in known), sum(row["bias_high"] < 0 for row in known)
    parts = [f"the model adds to it in {above}"] if above else []
    parts += [f"the closed loop does better than the world would in {below}"] if below else []
    rest = len(known) - above - below
    parts += [f"neither is shown in {rest}"] if rest else []
    return (
        "The world carries any error on, and would have made a gap of the first step's error alone. "
        f"Of {len(known)} conditions, {listed(parts)}."
    )


def _without_a_share(rows: list[dict[Any, Any]]) -> list[str]:
    """Where the gap may be 0, so that no part of it is a share."""
    known = [row for row in rows if row["bias_low"] == row["bias_low"]]
    count = sum(row["share_low"] != row["share_low"] for row in known)
    if not count:
        return []
    return [f"In {count} of {len(known)} conditions the gap is not shown to differ from 0, and shares of it are undefined."]


def _told(task: str, rows: list[dict[Any, Any]], first: str) -> str:
    """What the baseline's gap on a task consists of; of the first method that was run there, where the baseline was not."""
    of_task = [row for row in rows if row["task_label"] == task]
    method = first if any(row["method"] == first for row in of_task) else str(of_task[0]["method"])
    each = [_parts(row) for row in of_task if row["method"] == method]
    return f"{task}, {method}: {'; '.join(each)}."


def _parts(row: Mapping[Any, Any]) -> str:
    gap = with_unit(number(row["free"] - row["forced"]), row["unit"])
    bias = measured(row["bias"], row["bias_low"], row["bias_high"])
    return f"of the gap of {row['model_label']}, {gap}, the world's part is {number(row['world'])}, exposure bias {bias}"


def _row(row: Mapping[Any, Any]) -> list[str]:
    names = [str(row[name]) for name in CELL]
    parts = ("floor", "free", "world", "bias", "share")
    return [*names, *(measured(row[name], row[f"{name}_low"], row[f"{name}_high"]) for name in parts), str(row["n"])]
