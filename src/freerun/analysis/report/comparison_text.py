"""Wording of a comparison: a paragraph in words, and a page with the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from freerun.analysis.inference.power import LEVEL
from freerun.analysis.inference.two_sides import Side
from freerun.analysis.report.number_text import any_of, change, listed, number, reversed_change, seeds
from freerun.analysis.report.page import comparison_rows, escaped
from freerun.analysis.report.verdicts import ALONE, NO_INTERVAL, better, power

_HEAD = (
    "Task",
    "Measure",
    "Level",
    "Model",
    "Change",
    "n",
    "Pairs",
    "g",
    "\N{GREEK SMALL LETTER DELTA}",
    "Improved",
    "p",
    "Holm",
    "Verdict",
)
#: So many conditions are told one by one.
MANY = 6
_NOTE = (
    "Change: a ratio for errors on a ratio scale, else a difference, with its 95 % interval (Student t of the paired "
    "differences, BCa from 20 seeds on; Welch where not paired); n: pairs, or the runs of the smaller side; g: Hedges' "
    "standardised mean difference, positive where the first is better; \N{GREEK SMALL LETTER DELTA}: Cliff's delta, 1 where "
    "every run of the first is better than every one of the second; Improved: the probability that a seed, or a run, does "
    "better, with its interval; p: sign flips, or a permutation test where not paired; Holm: p after Holm over all rows of a "
    "level that are of the tasks' own errors, or of one other measure. A run that diverged or failed is worse than any other "
    "in \N{GREEK SMALL LETTER DELTA} and Improved, and in no other column."
)


def sentences(table: pd.DataFrame, a: Side, b: Side) -> list[str]:
    """Who is better where, by how much, how surely, and what is not known."""
    free = table[table["level"] == "free"]
    groups: dict[str, list[Mapping[Any, Any]]] = {
        "better": [],
        "worse": [],
        f"better {ALONE}": [],
        f"worse {ALONE}": [],
        "open": [],
        "same": [],
        "few": [],
    }
    for row in free.to_dict("records"):
        groups[_group(row)].append(row)
    found = []
    subject = {"better": a.name, "worse": b.name}
    for kind, winner in subject.items():
        loser = b.name if winner == a.name else a.name
        if groups[kind]:
            of = f"{len(groups[kind])} of {len(free)} conditions" if len(free) > 1 else any_of(1)
            share = f"{of} (p < {LEVEL:g} after Holm)"
            found.append(f"Running free, {winner} is better than {loser} in {share}: {_all(groups[kind], winner == b.name)}.")
    for kind, winner in subject.items():
        some = groups[f"{kind} {ALONE}"]
        if some:
            said = "By its interval alone, which excludes no change, but without a p-value that survives Holm,"
            found.append(f"{said} {winner} is better in {len(some)}: {_all(some, winner == b.name)}.")
    if not groups["better"] and not groups["worse"]:
        neither = f"Running free, neither {a.name} nor {b.name} is shown to be better in {any_of(len(free))}"
        found.insert(0, f"{neither} (p < {LEVEL:g} after Holm).")
    if groups["open"]:
        some = groups["open"]
        found.append(f"Not known which is better in {len(some)}: {_all(some)}; their intervals include no change.")
    if groups["same"]:
        found.append(f"The same to the last digit on both sides in {len(groups['same'])}: {_all(groups['same'])}.")
    if groups["few"]:
        found.append(f"Without an interval, for lack of three seeds with a result on both sides: {_all(groups['few'])}.")
    numbers = "Numbers are the change in each task's own error, [95 % intervals]: of the better side from the other"
    found.append(f"{numbers}, and where neither is shown to be better that of {a.name} from {b.name}.")
    by_seed = free["paired"].to_numpy(dtype=bool)
    if by_seed.any():
        fewest = seeds(int(free.loc[by_seed, "n"].min()))
        found.append(f"Paired by seed, over the same data, in {by_seed.sum()}: {fewest} at least; sign-flip tests.")
    if not by_seed.all():
        apart = f"Not paired, since seeds or data are not shared, in {(~by_seed).sum()}"
        found.append(f"{apart}: Welch's interval and a permutation test.")
    lost = [f"{side.without_result()} of {side.name}" for side in (a, b) if side.without_result()]
    if lost:
        found.append(f"Runs without a result, in no mean: {listed(lost)}.")
        if any(side.runs["lost"].any() for side in (a, b)):
            found.append("In the probability of improvement a run that diverged or failed is worse than any other.")
    return [*found, *power(free[by_seed])]


def _group(row: Mapping[Any, Any]) -> str:
    said, neutral = str(row["verdict"]), 1.0 if row["ratio"] else 0.0
    if said == NO_INTERVAL:
        return "few"
    if row["low"] == row["high"] == neutral:
        return "same"
    return better(said, str(row["better"])) or "open"


def _all(rows: Sequence[Mapping[Any, Any]], turned: bool = False) -> str:
    """Each condition with its numbers, `turned` into those of the second side; where there are many, how many of each task."""
    if len(rows) <= MANY:
        return listed([_told(row, turned) for row in rows])
    tasks = pd.Series([str(row["task_label"]) for row in rows]).value_counts(sort=False)
    return f"{listed([f'{task} {count}' for task, count in tasks.items()])} (the numbers are in the table)"


def _told(row: Mapping[Any, Any], turned: bool) -> str:
    where = ", ".join(str(row[name]) for name in ("task_label", "model_label", "setting") if row[name])
    p = f", Holm p = {number(row['holm'])}" if row["holm"] <= LEVEL else ""
    numbers = row["mean"], row["low"], row["high"]
    if turned:
        numbers = reversed_change(*numbers, row["ratio"])
    changed = change(*numbers, row["ratio"], row["unit"])
    return f"{where} ({row['label']} {changed}{p}, n = {row['n']})"


def page_of(told: Sequence[str], table: pd.DataFrame, a: Side, b: Side, file: str) -> str:
    """The comparison as a page of Markdown: the words, the table, the figure, and how the columns are to be read."""
    words = comparison_rows(table)
    lines = [_HEAD, ("---",) * len(_HEAD)]
    for row, said in zip(table.to_dict("records"), words, strict=True):
        model = said["model_label"] + (f" ({said['setting']})" if said["setting"] else "")
        pairs = "by seed" if row["paired"] else "no"
        first = (said["task_label"], said["measure"], said["level"], model, said["change"], said["n"], pairs)
        last = (said["hedges"], said["delta"], said["improved"], said["p"], said["holm"], said["verdict"])
        lines.append(tuple(escaped(each) for each in (*first, *last)))
    grid = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    title = escaped(f"{a.name} against {b.name}")
    return f"# {title}\n\n{escaped(' '.join(told))}\n\n{grid}\n\n![{title}]({file}.png)\n\n{escaped(_NOTE)}\n"
