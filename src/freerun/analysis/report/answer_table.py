"""Answer in a table: at most one row a task and method, and one row a method where these would be too many.

Nothing is pooled: where a method was run under several conditions of a task, its row holds the lowest and the highest of their
means, and how many conditions have which verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.labels import measure, merged, shown, with_end
from freerun.analysis.inference.player_levels import method_levels
from freerun.analysis.report.number_text import UNDEFINED, counted, measured, number
from freerun.analysis.report.section import Grid
from freerun.analysis.report.summary_table import LEVELS
from freerun.analysis.report.verdicts import CONFLICT, NONE, WORDS

#: So many rows at most stand before the contents.
MOST = 36
#: What stands below the table, where methods are compared and where not.
COMPARED_NOTE = (
    "Running free: the first of the task's headlines, the measures by which it is judged, when a model is fed its own "
    "outputs; [95 % interval over seeds], or the lowest and the highest mean of several models. The words against the "
    "baseline are over all headlines of the task, which need not be the one shown."
)
LEVELS_NOTE = (
    "Forced: fed the truth; free: fed its own outputs; gap: free minus forced. [95 % interval over seeds], or the lowest "
    "and the highest mean of several models."
)
_TALLY = (*WORDS, CONFLICT, NONE)
#: What is said of a method without a baseline of its setting.
NOT_COMPARED = "not compared"


def answer_table(table: pd.DataFrame, sets: pd.DataFrame, material: Material) -> Grid | None:
    """The answer, short: by task and method, or by method where there are more than `MOST` of these; None without a result.

    Args:
        table: what `summary_table.full` gives.
        sets: what `verdicts.judged_sets` gives.
        material: of the study.
    """
    grid = by_task(table, sets, material)
    return grid if grid is None or len(grid.rows) <= MOST else _by_method(table, sets)


def by_task(table: pd.DataFrame, sets: pd.DataFrame, material: Material) -> Grid | None:
    """A row for each task and method.

    Where methods are compared, with the level of the task's first headline and the verdict over all of them; else with both
    levels of the task's own error and their gap.
    """
    rows = table[table["primary"]]
    if not len(rows) or not table["n"].any():
        return None
    levels = _headline_levels(material) if len(sets) else {}
    words, against = _words(sets), _baselines(sets)
    lines, marked = list[list[str]](), set[int]()
    for (task, method), of in rows.groupby(["task_label", "method"], observed=True, sort=True):
        first = of.iloc[0]
        name = with_end(str(method), first["end"], first["chosen"] if len(of) == 1 else "")
        if levels:
            verdicts, of_method = words.get((str(task), str(method)), {}), levels.get((str(task), str(method)), [])
            is_first = (str(task), str(method)) in against
            cells = [tally(verdicts) if verdicts else "baseline" if is_first else NOT_COMPARED]
            cells.append(_levels([one[:3] for one in of_method]))
            counts = [one[3] for one in of_method] or [0]
        else:
            cells = [_levels(_of_level(of, level)) for level in LEVELS]
            counts = list(of["n"])
        if of["diverged"].sum() + of["failed"].sum():
            marked.add(len(lines))
        named = _headline(material, str(task)) if levels else _own_error(first.to_dict())
        lines.append([str(task), named, name, *cells, str(len(of)), _seeds(counts), _lost(of)])
    firsts = sorted(set(sets["baseline"].astype(str)))
    head = [f"Against {' or '.join(firsts)}", "Running free"] if levels else [level.capitalize() for level in LEVELS]
    head = ["Task", "Measure", "Trained by", *head, "Models", "Seeds", "Lost runs"]
    note = COMPARED_NOTE if levels else LEVELS_NOTE
    return Grid(title="", head=head, rows=lines, grouped=2, marked=frozenset(marked), note=note)


def _own_error(row: Mapping[Any, Any]) -> str:
    return measure(row["label"], row["unit"]) if isinstance(row["label"], str) else ""


def _headline(material: Material, task: str) -> str:
    """The first headline of a task, with the way that is better."""
    name = material.headlines[task][0] if task in material.headlines else ""
    of_task = str(material.runs.loc[material.runs["task_label"] == task, "task"].iloc[0])
    meant = material.quantities.on(of_task, name)
    if meant is None:
        return name
    more = f"{'more' if meant.better == 'higher' else 'less'} is better" if meant.better != "neither" else ""
    remarks = [remark for remark in (shown(meant.unit) if meant.unit != "share" else "", more) if remark]
    return f"{meant.label} ({'; '.join(remarks)})" if remarks else meant.label


def _headline_levels(material: Material) -> dict[tuple[str, str], list[tuple[float, float, float, int]]]:
    """Mean, interval and seeds of each condition by the first headline of its task, running free, by task and method."""
    first = {task: names[:1] for task, names in material.headlines.items()}
    levels: dict[tuple[str, str], list[tuple[float, float, float, int]]] = {}
    for row in method_levels(material.whole, material.compared, first, material.quantities).to_dict("records"):
        key = str(row["task_label"]), str(row["method"])
        levels.setdefault(key, []).append((row["mean"], row["low"], row["high"], int(row["n"])))
    return levels


def _by_method(table: pd.DataFrame, sets: pd.DataFrame) -> Grid:
    """A row for each method: in how many conditions of all tasks it has which verdict."""
    rows, words, against = table[table["primary"]], _words(sets), {method for _, method in _baselines(sets)}
    present = [word for word in _TALLY if (sets["verdict"] == word).any()]
    lines, left, marked = list[list[str]](), list[int](), set[int]()
    for method, of in rows.groupby("method", observed=True, sort=True):
        total: dict[str, int] = {}
        for (_, name), counts in words.items():
            if name == str(method):
                total = {word: total.get(word, 0) + counts.get(word, 0) for word in _TALLY}
        of_word = ["baseline" if str(method) in against else str(total.get(word, 0)) for word in present]
        if of["diverged"].sum() + of["failed"].sum():
            marked.add(len(lines))
        left.append(0 if str(method) in against else len(of) - sum(total.values()))
        lines.append([str(method), str(of["task_label"].nunique()), str(len(of)), *of_word, _seeds(list(of["n"])), _lost(of)])
    head = ["Trained by", "Tasks", "Cases", *(word.capitalize() for word in present), "Seeds", "Lost runs"]
    if any(left):
        place = len(head) - 2
        head.insert(place, NOT_COMPARED.capitalize())
        for line, count in zip(lines, left, strict=True):
            line.insert(place, line[place - 1] if line[place - 1] == "baseline" else str(count))
    return Grid(title="", head=head, rows=lines, marked=frozenset(marked))


def _baselines(sets: pd.DataFrame) -> set[tuple[str, str]]:
    """The methods that others are compared with, each with its task and its setting."""
    names = sets[["task_label", "baseline", "setting"]].astype(str).drop_duplicates()
    return {(task, merged(first, setting)) for task, first, setting in names.itertuples(index=False, name=None)}


def _words(sets: pd.DataFrame) -> dict[tuple[str, str], dict[str, int]]:
    """How many conditions have which verdict, by task and method."""
    words: dict[tuple[str, str], dict[str, int]] = {}
    for row in sets.to_dict("records"):
        of = words.setdefault((str(row["task_label"]), merged(str(row["regime_label"]), str(row["setting"]))), {})
        of[row["verdict"]] = of.get(row["verdict"], 0) + 1
    return words


def tally(words: Mapping[str, int]) -> str:
    """Verdicts in words: one alone, or how many conditions have each."""
    if len(words) == 1:
        return next(iter(words))
    return ", ".join(f"{words[word]} {word}" for word in _TALLY if word in words)


def _of_level(rows: pd.DataFrame, level: str) -> list[tuple[float, float, float]]:
    if level not in rows:
        return []
    return list(rows[[level, f"{level}_low", f"{level}_high"]].astype(float).itertuples(index=False, name=None))


def _levels(numbers: Sequence[tuple[float, float, float]]) -> str:
    """The mean with its interval of one condition; of several the lowest and the highest mean."""
    known = [one for one in numbers if not math.isnan(one[0])]
    if not known:
        return UNDEFINED
    if len(numbers) == 1:
        return measured(*known[0])
    low, high = number(min(one[0] for one in known)), number(max(one[0] for one in known))
    return low if low == high else f"{low} to {high}"


def _seeds(counts: Sequence[int]) -> str:
    few, many = min(counts), max(counts)
    return str(few) if few == many else f"{few} to {many}"


def _lost(rows: pd.DataFrame) -> str:
    lost = int(rows["diverged"].sum() + rows["failed"].sum())
    ended = int(rows["runs"].sum() - rows["pending"].sum())
    pending = int(rows["pending"].sum())
    return f"{lost} of {ended}" + (f", {counted(pending, 'run')} pending" if pending else "")
