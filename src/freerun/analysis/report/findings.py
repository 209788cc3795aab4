"""Findings of a study in full sentences computed from the tables, whoever wins; the report opens with three (`opening`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.labels import merged
from freerun.analysis.inference.player_levels import unbeaten
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report import unequal_budgets, unpaired_runs
from freerun.analysis.report.cautions import inside_alone
from freerun.analysis.report.gap_findings import baseline_rows, first_method, gap_tally, smaller_free
from freerun.analysis.report.headline_kinds import kinds, resting
from freerun.analysis.report.number_text import RISK, counted, listed, measured, with_unit
from freerun.analysis.report.players_section import levels_of
from freerun.analysis.report.verdicts import CONFLICT, NONE, OPEN, WORDS, judged_sets, of_headlines
from freerun.io.text import one_line

#: What a verdict over the headlines is called in a tally.
_TALLY = {**{word: word for word in WORDS}, CONFLICT: "better by one headline and worse by another", NONE: "without a verdict"}
#: So many conditions of a task are named in a tally.
_NAMED = 3
#: A method with its setting, and an objective behind it: ``sampling (end=0.5) + exact expert``.
_WITH_SETTING = re.compile(r"(.*?) \((.*?)\)( \+ .*)?")
#: So many letters of a reason are shown.
_REASON = 300


def headline(table: pd.DataFrame, compared: pd.DataFrame, material: Material) -> list[str]:
    """What a study shows over all its tasks; where headlines contradict each other, that comes first.

    What it rests on is told further down: `gap_findings.details` above the levels, `comparisons_section` above the
    comparisons.
    """
    if not len(table) or not table["n"].any():
        return [nothing(material.runs)]
    sets = judged_sets(compared)
    gaps = gap_tally(table, [task for task, metric in material.primary.items() if inside_alone(material, task, metric)])
    sentences = [
        *_conflicts(sets),
        *gaps,
        *_easy_states(table, material),
        *_wins(sets),
        *_unbeaten(sets, material),
        *_rests_on(compared, material),
    ]
    sentences += [*unequal_budgets.declared(material), *unequal_budgets.of_pairs(material, sets)] if len(sets) else []
    sentences += unpaired_runs.without_baseline(material.runs, sets)
    return sentences or _levels(table)


def nothing(runs: pd.DataFrame) -> str:
    """Why there is no result: nothing has ended yet, or all that has ended diverged or failed, and how."""
    lost = runs[runs["status"].isin(["diverged", "failed"])]
    if lost.empty:
        return "No run of this study has finished yet: there is nothing to report."
    counts = runs["status"].astype("str").value_counts()
    parts = [f"{counts[status]} {status}" for status in ("diverged", "failed", "pending", "running") if counts.get(status)]
    reasons = list(dict.fromkeys(str(reason) for reason in lost["reason"] if isinstance(reason, str) and reason))
    first = "The reason" if len(reasons) == 1 else f"The first reason of {len(reasons)}"
    why = f" {first}: {one_line(reasons[0], _REASON)}." if reasons else ""
    return f"No run of this study has a result: {listed(parts)} of {len(runs)}.{why}"


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


def _wins(sets: pd.DataFrame) -> list[str]:
    """What each regime does, judged over the headlines of each task; regimes that do the same in one sentence."""
    said: dict[tuple[str, str], list[str]] = {}
    for (regime, first), of_pair in sets.groupby(["regime_label", "baseline"], observed=True, sort=False):
        parts = []
        for word, words in _TALLY.items():
            of_word = of_pair[of_pair["verdict"] == word]
            if len(of_word):
                parts.append(f"{words} on {_where(of_word, of_pair)}")
        said.setdefault((str(first), "; ".join(parts)), []).append(str(regime))
    return [f"{capital(listed(together(regimes)))} against {first}: {words}." for (first, words), regimes in said.items()]


def together(names: Sequence[str]) -> list[str]:
    """Names that differ by their setting alone as one: ``sampling (end=0.5, 0.75)``."""
    settings: dict[tuple[str, str], list[str]] = {}
    for name in names:
        parts = _WITH_SETTING.fullmatch(name)
        base, setting, objective = parts.groups("") if parts else (name, "", "")
        settings.setdefault((base, objective), []).append(setting)
    combined = []
    for (base, objective), each in settings.items():
        rows = [_joined(each)] if all(each) else each
        combined += [merged(base, row) + objective for row in rows]
    return combined


def _joined(settings: Sequence[str]) -> str:
    """Settings in a row; those of one key with that key once."""
    keys = {setting.partition("=")[0] for setting in settings}
    if len(keys) > 1 or any(setting.count("=") != 1 for setting in settings):
        return "; ".join(settings)
    return f"{keys.pop()}={', '.join(setting.partition('=')[2] for setting in settings)}"


def _unbeaten(sets: pd.DataFrame, material: Material) -> list[str]:
    """Which conditions are called better, though a degenerate player is not shown to be worse than they are by any headline."""
    rows, better = unbeaten_better(sets, material), sets[sets["verdict"] == WORDS[0]]
    if rows.empty:
        return []
    parts = []
    for (task, player), of_player in rows.groupby(["task_label", "player"], sort=False):
        parts.append(f"{player} on {task} ({len(of_player)} of {len(better[better['task_label'] == task])})")
    return [f"Called better, and yet by no headline shown to beat a source that was spoilt on purpose: {listed(parts)}."]


def unbeaten_better(sets: pd.DataFrame, material: Material) -> pd.DataFrame:
    """The conditions that are called better, with each degenerate `player` that they are not shown to beat by any headline.

    Args:
        sets: what `verdicts.judged_sets` gives, or some of its rows.
        material: of the study.
    """
    better = sets[sets["verdict"] == WORDS[0]]
    if better.empty or material.players.empty:
        return sets[:0].assign(method="", player="")
    pairs = unbeaten(*levels_of(material, material.headlines))
    names = [merged(str(row["regime_label"]), str(row["setting"])) for row in better.to_dict("records")]
    return better.assign(method=names).astype(dict.fromkeys(CELL, str)).merge(pairs.astype(str), on=list(CELL))


def _easy_states(table: pd.DataFrame, material: Material) -> list[str]:
    """Where a free error is smaller than the forced one of models that are not shown to beat one that goes nowhere.

    Whoever rests, or hurries into the easiest part of a task, makes small errors at states or prefixes of its own.
    """
    smaller = smaller_free(table)
    if smaller.empty or material.players.empty:
        return []
    pairs = unbeaten(*levels_of(material, list(smaller["task_label"].astype(str))))
    rows = smaller[CELL].astype(str).merge(pairs.astype(str), on=list(CELL))
    if rows.empty:
        return []
    players = [f"{listed(list(dict.fromkeys(of_task['player'])))} on {task}" for task, of_task in rows.groupby("task_label")]
    alone = len(rows.drop_duplicates(CELL))
    return [
        f"Where the free error is smaller, {alone} of {counted(len(smaller), 'condition')} "
        f"{'is' if alone == 1 else 'are'} by no headline shown to beat a source that was spoilt on purpose "
        f"({'; '.join(players)}): a small error at states or prefixes of one's own, which may be easy ones, is no merit by "
        "itself."
    ]


def _levels(table: pd.DataFrame) -> list[str]:
    """The task's own errors where there is nothing to compare: neither a gap nor another method."""
    rows = baseline_rows(table)
    sentences = []
    for (label, unit, model), of_measure in rows.groupby(["label", "unit", "model_label"], observed=True, sort=False):
        levels = [
            f"{with_unit(measured(row['free'], row['free_low'], row['free_high']), str(unit))} on {row['task_label']}"
            for row in of_measure.to_dict("records")
        ]
        few, many = int(of_measure["n"].min()), int(of_measure["n"].max())
        runs = counted(many, "seed") if few == many else f"{few} to {counted(many, 'seed')}"
        same = ", the same forced and free" if (of_measure["gap"] == 0).all() else ""
        sentences.append(f"{label}, {model} trained by {first_method(table)}, free: {listed(levels)} ({runs}{same}).")
    return sentences


def _rests_on(compared: pd.DataFrame, material: Material) -> list[str]:
    """The tests behind the verdicts, with their seeds; which conclusions rest on one kind of headline alone."""
    judged = of_headlines(compared)
    rows, sentences = judged[judged["p"].notna()], []
    if len(rows):
        few, many = int(rows["n"].min()), int(rows["n"].max())
        open_ = int((rows["verdict"] == OPEN).sum())
        undecided = f"; {open_} of them cannot be told by so many seeds" if open_ else ""
        sentences.append(
            f"These words rest on {counted(len(rows), 'comparison')} by single headlines, running free, seed by seed over "
            f"{few if few == many else f'{few} to {many}'} seeds, {RISK}{undecided}."
        )
    sentences += resting(judged, kinds(material))
    return [" ".join(sentences)] if sentences else []


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


def capital(text: object) -> str:
    """The text with a capital first letter."""
    return str(text)[:1].upper() + str(text)[1:]


def condition_name(row: Mapping[Any, Any]) -> str:
    """The model of a row, with its setting in brackets where it has one."""
    return str(row["model_label"]) + (f" ({row['setting']})" if row["setting"] else "")
