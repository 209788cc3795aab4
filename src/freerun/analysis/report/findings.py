"""Findings in words: sentences computed from the tables, with their intervals, whoever wins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.report.cautions import cautions, lost
from freerun.analysis.report.number_text import change, counted, listed, measured, number, seeds, with_unit
from freerun.analysis.report.players_section import not_beaten
from freerun.analysis.report.verdicts import CONFLICT, NONE, OPEN, WORDS, judged_sets, kinds, needed, needed_seeds

#: What a verdict over the headlines is called in a tally.
_TALLY = {**{word: word for word in WORDS}, CONFLICT: "better by one headline and worse by another", NONE: "without a verdict"}
#: So many conditions of a task are named in a tally.
_NAMED = 3


def headline(table: pd.DataFrame, compared: pd.DataFrame, material: Material) -> list[str]:
    """The finding over all tasks in a few sentences; where headlines contradict each other, that comes first."""
    if not len(table) or not table["n"].any():
        return ["No run of this study has finished yet: there is nothing to report."]
    sets = judged_sets(compared)
    return [*_conflicts(sets), *_gaps(table), *_wins(compared, sets, material), *_rests_on(sets, material)]


def by_task(material: Material, table: pd.DataFrame, compared: pd.DataFrame) -> list[dict[str, Any]]:
    """For each task its sentences: the gap, what the regimes change, and what to be careful about."""
    tasks = []
    for task, metric in material.primary.items():
        rows = table[(table["task_label"] == task) & table["primary"] & (table["n"] > 0)]
        points = [_gap_sentence(rows), *_regimes(compared[compared["task_label"] == task])]
        points += not_beaten(material, task)
        points.append(lost(table[table["task_label"] == task]))
        tasks.append(
            {"name": task, "points": [point for point in points if point], "cautions": cautions(material, task, metric)}
        )
    return tasks


def _baseline(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first method (teacher forcing, where it was run), of the tasks' own errors."""
    rows, first = table[table["primary"] & (table["n"] > 0)], _first(table)
    methods = rows["method"].astype(str)
    return rows[(methods == first) | methods.str.startswith(f"{first} (")]


def _first(table: pd.DataFrame) -> str:
    return str(table["method"].cat.categories[0]).partition(" (")[0]


def _gaps(table: pd.DataFrame) -> list[str]:
    rows = _baseline(table)
    rows = rows[rows["horizon"] > 1]
    written = rows["written"].astype(bool)
    found = _against_the_written(table, rows[written])
    rows = rows[~written]
    known = rows[rows["gap_low"].notna()]
    if len(known):
        higher = known["better"] == "higher"
        worse = known["gap_low"].mask(higher, -known["gap_high"]) > 0
        above = int(worse.sum())
        below = int((known["gap_high"].mask(higher, -known["gap_low"]) < 0).sum())
        rest = len(known) - above - below
        what, other = ("free error above forced error", "the free error is the smaller one")
        if higher.any():
            what, other = "free worse than forced", "free is better than forced"
        parts = [f"an exposure gap ({what}) is shown in {above} of {counted(len(known), 'condition')}"]
        parts += [f"{other} in {below}"] if below else []
        parts += [f"no difference is shown in {rest}"] if rest else []
        found.append(f"Trained by {_first(table)}, {listed(parts)}.")
    elif len(rows):
        found.append("With fewer than three seeds there are no intervals: what follows describes single runs.")
    ratio = rows[rows["log"].astype(bool) & (rows["forced"] > 0)]
    if len(ratio):
        top = ratio.iloc[int(np.argmax((ratio["free"] / ratio["forced"]).to_numpy()))]
        times = float(top["free"] / top["forced"])
        levels = f"{with_unit(number(top['free']), top['unit'])} free against {number(top['forced'])} forced"
        measured_ = f"{top['label']} of {levels}, {number(times)} times as much"
        where = f"{top['model_label']} on {top['task_label']}: {measured_}"
        if times > 1:
            open_ = ", though no difference is shown there" if top["gap_low"] <= 0 <= top["gap_high"] else ""
            found.append(f"The widest gap as a ratio is that of {where}{open_}.")
        else:
            found.append(f"No free error on a ratio scale is above its forced one; nearest to it is that of {where}.")
    return found


def _kind(rows: pd.DataFrame) -> str:
    """What some rows of one task and regime are: models, where nothing else differs between them."""
    return "models" if rows["model_label"].nunique() == len(rows) else "conditions"


def _against_the_written(table: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Where a free error is no one-step error, and its distance from the forced one no exposure gap."""
    if rows.empty:
        return []
    tasks = [str(task) for task in dict.fromkeys(rows["task_label"])]
    whole = table[~table["primary"] & table["task_label"].isin(tasks) & (table["better"] == "higher")]
    same = whole[(whole["gap_low"] == 0) & (whole["gap_high"] == 0)].drop_duplicates(["task_label", "label"])
    equal = [f"{row['label'].lower()} on {row['task_label']}" for row in same.to_dict("records")]
    more = f"; the same forced and free: {listed(equal)}" if equal else ""
    return [
        f"On {listed(tasks)} the free error is taken against the one continuation that was written, so that what lies between "
        f"it and the forced error is no exposure gap{more}."
    ]


def _conflicts(sets: pd.DataFrame) -> list[str]:
    """Where one headline of a task is better and another worse, and which are which."""
    rows = sets[sets["verdict"] == CONFLICT]
    if rows.empty:
        return []
    told = []
    for (regime, first), each in rows.groupby(["regime_label", "baseline"], observed=True, sort=False):
        among = sets[(sets["regime_label"] == regime) & (sets["baseline"] == first)]
        parts = [f"{_where(alike, among)} {_opposed(alike)}" for _, alike in each.groupby("words", sort=False)]
        told.append(f"{regime} against {first}, on {'; on '.join(parts)}")
    return [
        f"Headlines contradict each other in {len(rows)} of {counted(len(sets), 'comparison')}, and no side is called better "
        f"there: {'. '.join(_capital(each) for each in told)}."
    ]


def _opposed(sets: pd.DataFrame) -> str:
    """Which headlines are better and which are worse in sets of the same words."""
    return listed([f"{label} {word}" for label, word in sets["words"].iloc[0] if word in WORDS[:2]])


def _wins(compared: pd.DataFrame, sets: pd.DataFrame, material: Material) -> list[str]:
    """What each regime does, judged over the headlines of each task."""
    found = []
    for (regime, first), each in sets.groupby(["regime_label", "baseline"], observed=True, sort=False):
        parts = []
        for kind, words in _TALLY.items():
            some = each[each["verdict"] == kind]
            if len(some):
                parts.append(f"{words} in {len(some)}: {_where(some, each)}")
        pairs = counted(len(each), "comparison")
        found.append(f"{_capital(regime)} against {first}, {pairs} paired by seed. Running free it is {'; '.join(parts)}.")
    rows = compared[compared["headline"].astype(bool) & (compared["level"] != "forced")]
    if found:
        size = counted(int(rows["p"].notna().sum()), "comparison")
        found.append(
            f"Judged by paired t tests at p < {LEVEL:g} after Holm over {rows['family'].iloc[0]} ({size}), with intervals at "
            f"the same level. Better: by one headline of the task at least, and worse by none; equivalent: within "
            f"{100 * material.margin:g} % by all of them."
        )
    return [*found, *_teacher_wins(sets), *needed_seeds(rows, material.margin)]


def _rests_on(sets: pd.DataFrame, material: Material) -> list[str]:
    """Which conclusions rest on one headline, or on several that see the same."""
    alone, alike = [], []
    for task in dict.fromkeys(sets["task_label"]):
        of_task = kinds(material, task)
        if len(of_task) == 1:
            alone.append(task)
        elif len(set(of_task.values())) == 1:
            alike.append(f"{task} ({next(iter(of_task.values()))})")
    found = [f"On {listed(alone)} a verdict rests on one headline alone."] if alone else []
    return [*found, *([f"On {listed(alike)} all headlines are of one kind."] if alike else [])]


def _where(rows: pd.DataFrame, among: pd.DataFrame) -> str:
    """Some comparisons by task: all of it, a few by their models, or how many there are."""
    parts = []
    for task, each in rows.groupby("task_label", sort=False):
        size = int((among["task_label"] == task).sum())
        if len(each) == size:
            parts.append(f"{task} ({f'all {size}' if size > 1 else _who(each.to_dict('records')[0])})")
        else:
            named = listed([_who(row) for row in each.to_dict("records")])
            parts.append(f"{task} ({named if len(each) <= _NAMED else f'{len(each)} of {size}'})")
    return listed(parts)


def _teacher_wins(sets: pd.DataFrame) -> list[str]:
    """Where the baseline is the better one; a result like any other."""
    lost = sets[sets["verdict"] == "worse"]
    parts = []
    for regime, each in lost.groupby("regime_label", observed=True, sort=False):
        among = sets[sets["regime_label"] == regime]
        where = [
            f"{task} ({_which(of, among[among['task_label'] == task])})" for task, of in each.groupby("task_label", sort=False)
        ]
        parts.append(f"against {regime} on {listed(where)}")
    return [f"{_capital(lost['baseline'].iloc[0])} wins {'; '.join(parts)}."] if parts else []


def _which(rows: pd.DataFrame, among: pd.DataFrame) -> str:
    """The models of some rows, or that they are all."""
    models = list(dict.fromkeys(rows["model_label"]))
    return f"all {len(models)} models" if len(models) > 1 and len(rows) == len(among) else listed(models)


def _gap_sentence(rows: pd.DataFrame) -> str:
    rows = _baseline(rows)
    rows = rows[rows["gap"].notna()]
    if rows.empty:
        return ""
    if (rows["horizon"] <= 1).all() and (rows["gap"] == 0).all():
        top = rows.iloc[0]
        level = measured(top["forced"], top["forced_low"], top["forced_high"])
        said = f"{top['label']} {with_unit(level, top['unit'])}"
        return f"One output for a whole sequence: nothing is fed back and there is no gap. {said}."
    harm = rows["gap"].mask(rows["better"] == "higher", -rows["gap"])
    top = rows.iloc[int(np.argmax(harm.to_numpy()))]
    unit = top["unit"]
    forced, free = (with_unit(number(top[level]), unit) for level in ("forced", "free"))
    levels = f"{top['label']} {forced} forced, {free} free"
    how = "geometric means, " if top["log"] else ""
    gap = with_unit(measured(top["gap"], top["gap_low"], top["gap_high"]), unit)
    which = (
        f"the largest mean gap of {len(rows)} {_kind(rows)} is that of {top['model_label']}"
        if len(rows) > 1
        else f"{top['model_label']}"
    )
    text = f"Trained by {top['method']}, {which}: {levels}, gap {gap} ({how}{seeds(int(top['n']))})."
    if not math.isfinite(top["gap_low"]):
        return f"{text} Too few seeds for an interval."
    if top["gap_low"] <= 0 <= top["gap_high"]:
        return f"{text} Its interval includes 0: no exposure gap is shown at n = {int(top['n'])}."
    if harm.max() > 0:
        return f"{text} More is better: free is worse than forced." if top["better"] == "higher" else text
    if top["better"] == "higher":
        return f"{text} The gap is positive, and more is better: free is better than forced."
    return f"{text} The gap is negative: free, the error is smaller than forced."


def _regimes(compared: pd.DataFrame) -> list[str]:
    """What each regime does to each headline of the task, with numbers, and to every other measure, in a word."""
    found = []
    rows = compared[compared["level"] != "forced"]
    for (regime, first), of_pair in rows.groupby(["regime_label", "baseline"], observed=True, sort=False):
        head, own = f"{_capital(regime)} against {first}", of_pair["headline"].astype(bool)
        for (label, level), each in of_pair[own].groupby(["label", "level"], sort=False):
            clauses = [_clause(str(word), of_word) for word, of_word in each.groupby("verdict", sort=False)]
            found.append(f"{head}, {label}{' free' if level == 'free' else ''}: {'; '.join(clauses)}.")
        rest = [part for _, each in of_pair[~own].groupby("metric", sort=False) for part in _in_a_word(each)]
        if rest:
            found.append(f"{head}, other measures free: {'; '.join(rest)}.")
        elif not own.all():
            found.append(f"{head}, other measures free: nothing better, worse or equivalent.")
    return found


def _in_a_word(rows: pd.DataFrame) -> list[str]:
    return [
        f"{rows['label'].iloc[0]} {word} for {listed([_who(row) for row in each.to_dict('records')])}"
        for word, each in rows.groupby("verdict", sort=False)
        if word not in (OPEN, NONE)
    ]


def _capital(text: object) -> str:
    return str(text)[:1].upper() + str(text)[1:]


def _clause(word: str, rows: pd.DataFrame) -> str:
    each = []
    for row in rows.to_dict("records"):
        changed = change(row["mean"], row["low"], row["high"], row["ratio"], row["unit"])
        more = needed(row["needed"]) if word == OPEN else ""
        more = f", {more} for the margin" if more else ""
        each.append(f"{_who(row)} ({changed}, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{row['n']}{more})")
    return f"{word} for {listed(each)}"


def _who(row: Mapping[Any, Any]) -> str:
    return str(row["model_label"]) + (f" ({row['setting']})" if row["setting"] else "")
