"""Section on reference players: what truth and degenerate sources have by the headlines, and whom a method does not beat."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.labels import measure
from freerun.analysis.inference.player_levels import as_good, dominant, player_levels, rewarded, unbeaten
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import counted, listed, measured
from freerun.analysis.report.section import Grid, Section

_NOTE = (
    "Reference players need no training and are measured by the same code on the same sequences, with the same warm-up; "
    "means over seeds with 95 % intervals, running free. They are no methods: nothing is compared with them by a test. A "
    "method beats a player that is worse by one headline at least, by more than both intervals, even one that is better by "
    "another."
)
_STANDS = {"truth": "the truth", "best": "the best there is", "degenerate": "degenerate"}
_AS_GOOD = "no worse than the best here"
#: Of so many conditions each is named.
_NAMED = 4


def section(material: Material) -> Section | None:
    """What the players of each task have; None where there are none."""
    if material.players.empty:
        return None
    levels = material.levels_of_players
    grids = [_grid(task, levels[levels["task_label"] == task], material) for task in dict.fromkeys(levels["task_label"])]
    sentences = [f"{task}. {sentence}" for task in material.headlines for sentence in not_beaten(material, task)]
    sentences = [*_as_good(levels), *useless(material), *(sentences or [_all_beaten(material)])]
    return Section(title="What do these numbers mean?", sentences=sentences, note=_NOTE, tables=grids) if grids else None


def _as_good(levels: pd.DataFrame) -> list[str]:
    """Which players show nothing on which task, since they are no worse than the best there is."""
    return [
        f"{task}. By every headline as good as the best there is, so that nothing is measured against "
        f"{'it' if len(names) == 1 else 'them'} here: {listed(list(names))}."
        for task, names in as_good(levels).groupby("task_label", sort=False)["player"]
    ]


def levels_of(material: Material, tasks: Collection[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The levels of the methods and those of the players on some tasks, by their headlines."""
    methods, players = (
        levels[levels["task_label"].isin(list(tasks))].reset_index(drop=True)
        for levels in (material.levels_of_methods, material.levels_of_players)
    )
    return methods, players


def rewards(material: Material, task: str, metrics: Sequence[str]) -> str:
    """Which of some measures of the free rollout a degenerate player wins, in a sentence; "" if none."""
    levels = player_levels(material.players, {task: metrics}, material.quantities)
    parts = []
    for metric, players in rewarded(levels).astype(str).groupby("metric", sort=False)["player"]:
        meant = material.quantities.on(str(_task_of(material, task)), str(metric))
        parts.append(f"{meant.label if meant else str(metric)} ({listed(list(players))})")
    if not parts:
        return ""
    return (
        "By these measures a source that was spoilt on purpose is better than the best there is, so that better by them alone "
        "is no merit: "
        f"{listed(parts)}."
    )


def _all_beaten(material: Material) -> str:
    """What is said where no method is found that does not beat a player."""
    methods, players = levels_of(material, material.headlines)
    if methods["low"].notna().any():
        other = "" if as_good(players).empty else "other "
        return f"Where there are intervals, every method beats every {other}source that was spoilt on purpose."
    return "Too few seeds for intervals: whether a method beats a player is not judged."


def not_beaten(material: Material, task: str) -> list[str]:
    """Which methods on a task do not beat which degenerate players; nothing where all do, or there are no intervals."""
    if material.players.empty:
        return []
    methods, levels = levels_of(material, [task])
    pairs = unbeaten(methods, levels)
    count = len(methods[CELL].drop_duplicates())
    sentences = []
    for players, conditions in _alike(pairs):
        than = f"what was spoilt on purpose, {listed(players)}"
        sentences.append(f"By no headline shown to be better than {than}: {_named(conditions, count)}.")
    return sentences


def useless(material: Material) -> list[str]:
    """Which conditions are worse than a source that has learned nothing, by task; intervals are not asked for."""
    if material.players.empty:
        return []
    methods, levels = levels_of(material, material.headlines)
    pairs, of_task = dominant(methods, levels), methods[CELL].drop_duplicates()["task_label"].value_counts()
    sentences = []
    for task, rows in pairs.groupby("task_label", sort=False):
        over = counted(int(rows["n"].min()), "seed")
        sentences += [
            f"{task}. Worse than {listed(players)} by every headline (means over {over}): {_named(conditions, of_task[task])}."
            for players, conditions in _alike(rows)
        ]
    return sentences


def _named(conditions: Sequence[Mapping[Any, Any]], count: int) -> str:
    """Some of `count` conditions, by their names if they are few."""
    names = [f"{row['model_label']}, {row['method']}" for row in conditions]
    return "; ".join(names) if len(names) <= _NAMED else f"{len(names)} of {count} conditions"


def _alike(pairs: pd.DataFrame) -> list[tuple[list[str], list[Mapping[Any, Any]]]]:
    """The conditions that do not beat the same players."""
    groups: dict[tuple[str, ...], list[Mapping[Any, Any]]] = {}
    for _, of_condition in pairs.groupby(CELL, sort=False):
        groups.setdefault(tuple(of_condition["player"]), []).append(of_condition.iloc[0].to_dict())
    return [(list(players), rows) for players, rows in groups.items()]


def _grid(task: str, levels: pd.DataFrame, material: Material) -> Grid:
    metrics = [name for name in material.headlines[task] if (levels["metric"] == name).any()]
    by_player = {(row["player"], row["metric"]): row for row in levels.to_dict("records")}
    units = {name: material.quantities.on(str(_task_of(material, task)), name) for name in metrics}
    head = ["Player", "Stands for", *(measure(meant.label, meant.unit) if meant else name for name, meant in units.items())]
    rows, good = [], set(as_good(levels)["player"])
    for player, stands in levels[["player", "stands"]].drop_duplicates().itertuples(index=False, name=None):
        cells = [by_player.get((player, name)) for name in metrics]
        texts = [measured(row["mean"], row["low"], row["high"]) if row else "" for row in cells]
        rows.append([str(player), _AS_GOOD if player in good else _STANDS[str(stands)], *texts])
    return Grid(title=f"Reference players on {task}, by its headlines", head=head, rows=rows)


def _task_of(material: Material, task: str) -> str:
    """The name of the task behind a label."""
    rows = material.players.loc[material.players["task_label"] == task, "task"]
    return str(rows.iloc[0])
