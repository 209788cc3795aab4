"""Levels in the opening of a report: the errors where nothing can be compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.report.findings import capital, together
from freerun.analysis.report.gap_findings import baseline_rows
from freerun.analysis.report.number_text import counted, listed, number, with_unit
from freerun.analysis.report.opening_order import NAMED, flat_label, on_case

SURE = "with 95 % confidence"


def plain_number(value: float) -> str:
    """Three figures, without a power of ten where the number can be read without."""
    text = number(value)
    if "e" not in text or not 1e-7 < abs(value) < 1e7:
        return text
    return np.format_float_positional(value, precision=3, fractional=False, trim="-").replace("-", "\N{MINUS SIGN}")


def over(few: int, many: int) -> str:
    """On how many seeds something rests, with what a seed is."""
    count = counted(many, "seed") if few == many else f"{few} to {counted(many, 'seed')}"
    return f"{count} ({'one training' if many == 1 else 'repeated trainings'})"


def within_sentence(label: str) -> str:
    """A label within a sentence; one that begins with an abbreviation stays as it is, but for one that few know."""
    if label.startswith("TV "):
        return f"total variation {label.removeprefix('TV ')}"
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def levels_in_words(table: pd.DataFrame, sets: pd.DataFrame) -> list[str]:
    """The errors where no two ways of training can be compared: with intervals, or without where there are too few seeds."""
    rows = table[table["primary"] & (table["n"] > 0)]
    few, many = int(rows["n"].min()), int(rows["n"].max())
    if many >= FEWEST:
        first = baseline_rows(table)
        first = first if len(first) else rows
        few, many = int(first["n"].min()), int(first["n"].max())
        uncompared = f"; {_uncompared(sets)}" if len(sets) else ""
        return [f"Over {over(few, many)}, {_each(first)}{uncompared}."]
    missing = (
        f"With {over(few, many)} there are no intervals, which take {FEWEST} seeds, so that nothing is called better or worse."
    )
    return [missing, f"{capital(_lowest(rows) if rows['method'].nunique() > 1 else _each(rows))}."]


def _uncompared(sets: pd.DataFrame) -> str:
    """That no way of training has a verdict."""
    names = together(list(dict.fromkeys(sets["regime_label"].astype(str))))
    who = listed(names) if len(names) <= NAMED else f"{len(names)} ways of training"
    first = listed(list(dict.fromkeys(sets["baseline"].astype(str))))
    why = f"by some measure fewer than {FEWEST} seeds have a result on both sides"
    if sets["spared"].all():
        why = "one side lost runs that the other finished"
    return f"{who} cannot be judged against {first}: {why}"


def _each(rows: pd.DataFrame) -> str:
    """The level of each condition running free, where there are few; else how many there are."""
    row: Mapping[Any, Any] = rows.iloc[0].to_dict()
    by = f"trained by {row['method'] if rows['method'].nunique() == 1 else row['method'].partition(' (')[0]}"
    if rows["label"].nunique() > 1 or len(rows) > NAMED:
        spans = [
            f"{within_sentence(str(label))} {_between(of['free'])}"
            for label, of in rows.groupby("label", observed=True, sort=False)
        ]
        more = "" if len(spans) <= NAMED else f" ({len(spans) - NAMED} more measures are in the table)"
        over_cases = f"over {counted(len(rows), 'case')} (a case is a task with a model)"
        return f"models {by}, running free, have {listed(spans[:NAMED])}{more}, {over_cases}"
    several, levels = rows["model_label"].nunique() > 1, list[str]()
    for each in rows.to_dict("records"):
        ends = (
            f" ({plain_number(each['free_low'])} to {plain_number(each['free_high'])})"
            if math.isfinite(each["free_low"])
            else ""
        )
        level = with_unit(plain_number(each["free"]), str(each["unit"]).partition(",")[0])
        task = flat_label(str(each["task_label"]))
        levels.append(f"{level}{ends} {on_case(task, str(each['model_label'])) if several else f'on {task}'}")
    sure = ""
    if rows["free_low"].notna().any():
        sure = f", {'the range' if len(rows) == 1 else 'each range'} {SURE}"
    who = "models" if several else str(row["model_label"])
    return f"{within_sentence(str(row['label']))} of {who} {by}, running free, is {listed(levels)}{sure}"


def _between(values: pd.Series) -> str:
    low, high = plain_number(values.min()), plain_number(values.max())
    return f"of {low}" if low == high else f"between {low} and {high}"


def _lowest(rows: pd.DataFrame) -> str:
    """Which way of training has the lowest error running free: of one case with numbers, of several in how many."""
    best, cases = dict[str, int](), 0
    for _, of in rows.groupby(["task_label", "model_label"], observed=True, sort=False):
        of = of[of["free"].notna()].sort_values("free", ascending=bool((of["better"] != "higher").all()), kind="stable")
        if of["method"].nunique() > 1:
            cases += 1
            first, last = of.iloc[0], of.iloc[-1]
            best[str(first["method"])] = best.get(str(first["method"]), 0) + 1
    if not cases:
        return _each(baseline_rows(rows))
    if cases == 1:
        more = "more" if first["better"] == "higher" else "less"
        numbers = " to ".join(f"{plain_number(row['free'])} ({row['method']})" for row in (first, last))
        where = f"on {first['task_label']} ({first['model_label']})"
        return f"running free {where}, {within_sentence(str(first['label']))} is from {numbers}, and {more} is better"
    name = max(best, key=lambda one: best[one])
    return f"running free, the best mean is that of {name} in {best[name]} of {cases} cases (a case is a task with a model)"
