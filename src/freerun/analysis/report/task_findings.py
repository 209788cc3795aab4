"""Findings on each task in words: the gap, what every regime changes, and what to be careful about."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.report.cautions import cautions, lost
from freerun.analysis.report.findings import capital, condition_name
from freerun.analysis.report.gap_findings import baseline_rows, judged_gaps
from freerun.analysis.report.number_text import RISK, change, counted, listed, measured, number, seeds, with_unit
from freerun.analysis.report.players_section import not_beaten, rewards
from freerun.analysis.report.undefined_levels import undefined
from freerun.analysis.report.verdicts import NONE, OPEN, WORDS, needed

#: What follows where the most probable symbol is fed back, of whatever is right only as a whole.
_FIRST_WRONG = (
    " Of an answer that is right only as a whole that shows nothing where the most probable symbol is fed back: the first "
    "wrong one follows a right beginning, forced or free."
)


def by_task(material: Material, table: pd.DataFrame, compared: pd.DataFrame) -> list[dict[str, Any]]:
    """For each task its sentences: the gap, what the regimes change, and what to be careful about."""
    tasks = []
    for task, metric in material.shown.items():
        rows = table[(table["task_label"] == task) & table["primary"] & (table["n"] > 0)]
        closes = bool((table.loc[table["task_label"] == task, "horizon"] > 1).any())
        feedback = material.runs.loc[material.runs["task_label"] == task, "feedback"].astype(str)
        fed = sorted(set(feedback) - {"none"}) if closes else []
        of_task = compared[compared["task_label"] == task]
        points = [_gap_sentence(rows, fed, judged_gaps(table)), *_regimes(of_task)]
        points.append(_no_merit(material, task, of_task))
        points += not_beaten(material, task)
        points.append(undefined(table, task))
        points.append(lost(table[table["task_label"] == task]))
        tasks.append(
            {"name": task, "points": [point for point in points if point], "cautions": cautions(material, task, metric)}
        )
    return tasks


def _kind(rows: pd.DataFrame) -> str:
    """What the rows of one task and regime are called: models, or conditions where more than the model differs."""
    return "models" if rows["model_label"].nunique() == len(rows) else "conditions"


def _gap_sentence(rows: pd.DataFrame, fed: Collection[str], judged: pd.DataFrame) -> str:
    """What the task's own error does between forced and free.

    Args:
        rows: of the task's own error.
        fed: the rules by which outputs are fed back for a step or more; none where nothing is.
        judged: what `gap_findings.judged_gaps` says of all tasks.
    """
    rows = baseline_rows(rows)
    rows = rows[rows["gap"].notna()]
    if rows.empty:
        return ""
    if (rows["horizon"] <= 1).all() and (rows["gap"] == 0).all():
        top = rows.iloc[0]
        level = measured(top["forced"], top["forced_low"], top["forced_high"])
        said = f"{top['label']} {with_unit(level, top['unit'])}"
        if not fed:
            return f"Nothing is fed back, so there is no gap. {said}."
        return f"{said}, the same forced and free.{_FIRST_WRONG if 'argmax' in fed else ''}"
    harm = rows["gap"].mask(rows["better"] == "higher", -rows["gap"])
    top = rows.iloc[int(np.argmax(harm.to_numpy()))]
    unit = top["unit"]
    forced, free = (with_unit(number(top[level]), unit) for level in ("forced", "free"))
    levels = f"{top['label']} {forced} forced, {free} free"
    how = "geometric means, " if top["log"] else ""
    gap = with_unit(measured(top["gap"], top["gap_low"], top["gap_high"]), unit)
    whose = (
        f"the largest mean gap of {len(rows)} {_kind(rows)} is that of {top['model_label']}"
        if len(rows) > 1
        else f"{top['model_label']}"
    )
    text = f"Trained by {top['method']}, {whose}: {levels}, gap {gap} ({how}{seeds(int(top['n']))})."
    if not math.isfinite(top["gap_low"]):
        return f"{text} Too few seeds for an interval."
    shown = judged["shown"].get(top.name)
    if not shown and top["gap_low"] <= 0 <= top["gap_high"]:
        return f"{text} Its interval includes 0: no exposure gap is shown at n = {int(top['n'])}."
    if shown is not None and not shown:
        conditions = counted(len(judged), "condition")
        return f"{text} Its own interval excludes 0, but of {conditions} one does so by chance: none is shown, {RISK}."
    if harm.max() > 0:
        return f"{text} More is better: free is worse than forced." if top["better"] == "higher" else text
    if top["better"] == "higher":
        return f"{text} The gap is positive, and more is better: free is better than forced."
    return f"{text} The gap is negative: the free error is smaller than the forced one."


def _regimes(compared: pd.DataFrame) -> list[str]:
    """What each regime does to each headline of the task, with numbers, and to every other measure, in a word."""
    points = []
    rows = compared[compared["level"] != "forced"]
    for (regime, first), of_pair in rows.groupby(["regime_label", "baseline"], observed=True, sort=False):
        head, is_headline = f"{capital(regime)} against {first}", of_pair["headline"].astype(bool)
        for (label, level), of_measure in of_pair[is_headline].groupby(["label", "level"], sort=False):
            clauses = [_clause(str(word), of_word) for word, of_word in of_measure.groupby("verdict", sort=False)]
            points.append(f"{head}, {label}{' free' if level == 'free' else ''}: {'; '.join(clauses)}.")
        in_words = [
            part for _, of_measure in of_pair[~is_headline].groupby("metric", sort=False) for part in _in_a_word(of_measure)
        ]
        if in_words:
            points.append(f"{head}, other measures free: {'; '.join(in_words)}.")
        elif not is_headline.all():
            points.append(f"{head}, other measures free: nothing better, worse or equivalent.")
    return points


def _no_merit(material: Material, task: str, compared: pd.DataFrame) -> str:
    """Which of the measures that are no headlines, and by which a method is called better, a degenerate player wins."""
    rows = compared[~compared["headline"].astype(bool) & (compared["level"] != "forced") & (compared["verdict"] == WORDS[0])]
    return rewards(material, task, list(dict.fromkeys(rows["metric"].astype(str)))) if len(material.players) else ""


def _in_a_word(rows: pd.DataFrame) -> list[str]:
    return [
        f"{rows['label'].iloc[0]} {word} for {listed([condition_name(row) for row in of_word.to_dict('records')])}"
        for word, of_word in rows.groupby("verdict", sort=False)
        if word not in (OPEN, NONE)
    ]


def _clause(word: str, rows: pd.DataFrame) -> str:
    models = []
    for row in rows.to_dict("records"):
        changed = change(row["mean"], row["low"], row["high"], row["ratio"], row["unit"])
        pairs = needed(row["needed"]) if word == OPEN else ""
        pairs = f", would take {pairs}" if pairs else ""
        models.append(f"{condition_name(row)} ({changed}, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{row['n']}{pairs})")
    return f"{word} for {listed(models)}"
