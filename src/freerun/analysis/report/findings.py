"""Findings in words: sentences computed from the tables, with their intervals, whoever wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.multiple_comparisons import holm
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.report.number_text import counted, listed, number, with_unit
from freerun.analysis.report.verdicts import CONFLICT, NONE, WORDS, judged_sets, kinds, needed_seeds

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


def baseline_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first method (teacher forcing, where it was run), of the tasks' own errors."""
    rows, first = table[table["primary"] & (table["n"] > 0)], _first(table)
    methods = rows["method"].astype(str)
    return rows[(methods == first) | methods.str.startswith(f"{first} (")]


def judged_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """The exposure gaps of the first method that have an interval, with `shown`: whether one is, after Holm over them all."""
    rows = baseline_rows(table)
    known = rows[(rows["horizon"] > 1) & ~rows["written"].astype(bool) & rows["gap_low"].notna()]
    return known.assign(shown=holm(known["gap_p"].to_numpy(dtype=float)) <= LEVEL)


def _first(table: pd.DataFrame) -> str:
    return str(table["method"].cat.categories[0]).partition(" (")[0]


def _gaps(table: pd.DataFrame) -> list[str]:
    rows = baseline_rows(table)
    rows = rows[rows["horizon"] > 1]
    written = rows["written"].astype(bool)
    sentences = _against_the_written(table, rows[written])
    rows = rows[~written]
    known = judged_gaps(table)
    shown = known["shown"]
    if len(known):
        higher = known["better"] == "higher"
        harm = known["gap"].mask(higher, -known["gap"])
        above, below = int((shown & (harm > 0)).sum()), int((shown & (harm < 0)).sum())
        remaining = len(known) - above - below
        gap_words, reverse_words = ("free error above forced error", "the free error is smaller")
        if higher.any():
            gap_words, reverse_words = "free worse than forced", "free is better than forced"
        parts = [f"an exposure gap ({gap_words}) is shown in {above} of {counted(len(known), 'condition')}"]
        parts += [f"{reverse_words} in {below}"] if below else []
        parts += [f"no difference is shown in {remaining}"] if remaining else []
        sentences.append(f"Trained by {_first(table)}, {listed(parts)} (p < {LEVEL:g} after Holm over them).")
    elif len(rows):
        sentences.append("With fewer than three seeds there are no intervals: what follows describes single runs.")
    ratio = rows[rows["log"].astype(bool) & (rows["forced"] > 0)]
    if len(ratio):
        top = ratio.iloc[int(np.argmax((ratio["free"] / ratio["forced"]).to_numpy()))]
        times = float(top["free"] / top["forced"])
        levels = f"{with_unit(number(top['free']), top['unit'])} free against {number(top['forced'])} forced"
        measured_ = f"{top['label']} of {levels}, {number(times)} times as much"
        where = f"{top['model_label']} on {top['task_label']}: {measured_}"
        if times > 1:
            open_ = "" if shown.get(top.name, True) else ", though no difference is shown there"
            sentences.append(f"The widest gap as a ratio is that of {where}{open_}.")
        else:
            sentences.append(f"No free error on a ratio scale is above its forced one; nearest to it is that of {where}.")
    return sentences


def _against_the_written(table: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Tasks whose free error compares with the continuation in the data, so that free minus forced is no exposure gap."""
    if rows.empty:
        return []
    tasks = [str(task) for task in dict.fromkeys(rows["task_label"])]
    whole = table[~table["primary"] & table["task_label"].isin(tasks) & (table["better"] == "higher") & (table["n"] > 0)]
    same = ((whole["gap_low"] == 0) & (whole["gap_high"] == 0)).groupby([whole["task_label"], whole["label"]], sort=False).all()
    equal = [f"{str(label).lower()} on {task}" for (task, label), always in same.items() if always]
    remark = f" The same forced and free: {listed(equal)}." if equal else ""
    return [
        f"On {listed(tasks)} the free error compares with the one continuation that is in the data, so its difference from the "
        f"forced error is not an exposure gap.{remark}"
    ]


def _conflicts(sets: pd.DataFrame) -> list[str]:
    """Where one headline of a task is better and another worse, and which are which."""
    rows = sets[sets["verdict"] == CONFLICT]
    if rows.empty:
        return []
    conflicts = []
    for (regime, first), of_pair in rows.groupby(["regime_label", "baseline"], observed=True, sort=False):
        among = sets[(sets["regime_label"] == regime) & (sets["baseline"] == first)]
        parts = [f"{_where(alike, among)} {_opposed(alike)}" for _, alike in of_pair.groupby("words", sort=False)]
        conflicts.append(f"{regime} against {first}, on {'; on '.join(parts)}")
    return [
        f"Headlines contradict each other in {len(rows)} of {counted(len(sets), 'comparison')}, and no side is called better "
        f"there: {'. '.join(capital(conflict) for conflict in conflicts)}."
    ]


def _opposed(sets: pd.DataFrame) -> str:
    """Which headlines are better and which are worse in sets of the same words."""
    return listed([f"{label} {word}" for label, word in sets["words"].iloc[0] if word in WORDS[:2]])


def _wins(compared: pd.DataFrame, sets: pd.DataFrame, material: Material) -> list[str]:
    """What each regime does, judged over the headlines of each task."""
    findings = []
    for (regime, first), of_pair in sets.groupby(["regime_label", "baseline"], observed=True, sort=False):
        parts = []
        for word, words in _TALLY.items():
            of_word = of_pair[of_pair["verdict"] == word]
            if len(of_word):
                parts.append(f"{words} in {len(of_word)}: {_where(of_word, of_pair)}")
        pairs = counted(len(of_pair), "comparison")
        findings.append(f"{capital(regime)} against {first}, {pairs} paired by seed. Running free it is {'; '.join(parts)}.")
    rows = compared[compared["headline"].astype(bool) & (compared["level"] != "forced")]
    if findings:
        size = counted(int(rows["p"].notna().sum()), "comparison")
        findings.append(
            f"Verdicts come from paired t tests at p < {LEVEL:g} after Holm over {rows['family'].iloc[0]} ({size}), with "
            f"intervals at the same level. Better means better by at least one headline of the task and worse by none; "
            f"equivalent means within {100 * material.margin:g} % by all of them."
        )
    return [*findings, *_teacher_wins(sets), *needed_seeds(rows, material.margin)]


def _rests_on(sets: pd.DataFrame, material: Material) -> list[str]:
    """Which conclusions rest on one headline, or on several of one kind."""
    alone: list[str] = []
    alike: dict[str, list[str]] = {}
    for task in dict.fromkeys(sets["task_label"]):
        of_task = kinds(material, task)
        if len(of_task) == 1:
            alone.append(task)
        elif len(set(of_task.values())) == 1:
            alike.setdefault(next(iter(of_task.values())), []).append(task)
    remarks = [f"On {listed(alone)} a verdict rests on a single headline."] if alone else []
    return [*remarks, *(f"On {listed(tasks)} all headlines are {kind}." for kind, tasks in alike.items())]


def _where(rows: pd.DataFrame, among: pd.DataFrame) -> str:
    """The comparisons by task, in words: all of a task, a few by their models, or how many there are."""
    parts = []
    for task, of_task in rows.groupby("task_label", sort=False):
        size = int((among["task_label"] == task).sum())
        if len(of_task) == size:
            parts.append(f"{task} ({f'all {size}' if size > 1 else condition_name(of_task.to_dict('records')[0])})")
        else:
            named = listed([condition_name(row) for row in of_task.to_dict("records")])
            parts.append(f"{task} ({named if len(of_task) <= _NAMED else f'{len(of_task)} of {size}'})")
    return listed(parts)


def _teacher_wins(sets: pd.DataFrame) -> list[str]:
    """The tasks and models on which the baseline is better; a result like any other."""
    lost = sets[sets["verdict"] == "worse"]
    parts = []
    for regime, of_regime in lost.groupby("regime_label", observed=True, sort=False):
        among = sets[sets["regime_label"] == regime]
        where = [
            f"{task} ({_which(of_task, among[among['task_label'] == task])})"
            for task, of_task in of_regime.groupby("task_label", sort=False)
        ]
        parts.append(f"against {regime} on {listed(where)}")
    return [f"{capital(lost['baseline'].iloc[0])} wins {'; '.join(parts)}."] if parts else []


def _which(rows: pd.DataFrame, among: pd.DataFrame) -> str:
    """The models of some rows, or that they are all."""
    models = list(dict.fromkeys(rows["model_label"]))
    return f"all {len(models)} models" if len(models) > 1 and len(rows) == len(among) else listed(models)


def capital(text: object) -> str:
    """The text with a capital first letter."""
    return str(text)[:1].upper() + str(text)[1:]


def condition_name(row: Mapping[Any, Any]) -> str:
    """The model of a row, with its setting in brackets where it has one."""
    return str(row["model_label"]) + (f" ({row['setting']})" if row["setting"] else "")
