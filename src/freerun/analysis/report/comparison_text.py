"""Wording of a comparison: a paragraph in words, and a page with the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from freerun.analysis.inference.side_comparison import Side
from freerun.analysis.inference.simultaneous import over_set
from freerun.analysis.report.headline_kinds import Kinds, resting
from freerun.analysis.report.number_text import RISK, any_of, change, counted, listed, number, reversed_change, seeds
from freerun.analysis.report.page import comparison_rows, escaped
from freerun.analysis.report.verdicts import CONFLICT, NONE, OPEN, needed_seeds, spared_losses

_HEAD = (
    "Task",
    "Measure",
    "Level",
    "Model",
    "Change",
    "n",
    "Pairs",
    "Size",
    "Order",
    "Improved",
    "p",
    "p, corrected",
    "p, sign flips",
    "Verdict",
    "Seeds needed",
)
_CELL = ["task_label", "model_label", "setting"]
#: So many conditions are told one by one.
MANY = 6
#: How the columns of the table are to be read.
NOTE = (
    "Change: a ratio for errors on a ratio scale, else a difference, with the interval of Student's paired t, or of Welch's "
    "where not paired, at the level at which Holm decided the row (95 % over the family). So it excludes no change where "
    "better or worse is said, and includes it where the two are not distinguished. n: pairs, or the runs of the smaller side. "
    "Size: the mean difference in standard deviations, positive where the first is better (Hedges' g). Order: Cliff's "
    "delta, 1 where every run of the first is better than every one of the second. Improved: the probability that a seed, or "
    "a run, does better, with its interval. p: that of the same t test. p, corrected: after Holm over all rows of a level "
    "that are of the tasks' own errors, or of one other measure. p, sign "
    "flips: a second p, from flipping the signs of the pairs, or dealing the runs anew where not "
    "paired. It counts only where all levels are at the ends of the measure, if it is the larger one. "
    "Seeds needed: the pairs, or runs a side, that would find a change as large as the margin with 80 % power, given "
    "the spread seen here. A run that diverged or failed is worse than any other in Order and Improved, and in no "
    "other column."
)


def sentences(table: pd.DataFrame, a: Side, b: Side, kind_of: Kinds) -> list[str]:
    """The comparison in sentences: who is better over the headlines, by how much, how surely, on what that rests, what is open.

    Args:
        table: the rows of `side_comparison.versus` by headlines.
        a, b: the sides.
        kind_of: the kind of each headline.
    """
    free = table[table["level"] == "free"]
    groups: dict[str, list[Sequence[Mapping[Any, Any]]]] = {}
    for _, rows in free.groupby(_CELL, sort=False):
        said = over_set([str(word) for word in rows["verdict"]]) or CONFLICT
        groups.setdefault(said, []).append(rows.to_dict("records"))
    count, margin = sum(map(len, groups.values())), 100 * min(a.margin, b.margin)
    parts = []
    if CONFLICT in groups:
        where = _all(groups[CONFLICT])
        parts.append(
            f"The headlines contradict each other in {len(groups[CONFLICT])} of {counted(count, 'condition')}: {where}."
        )
    for word, winner, loser in (("better", a.name, b.name), ("worse", b.name, a.name)):
        if word in groups:
            of = f"{len(groups[word])} of {count} conditions" if count > 1 else any_of(1)
            share, turned = f"{of} ({RISK})", word == "worse"
            parts.append(f"Running free, {winner} is better than {loser} in {share}: {_all(groups[word], turned)}.")
    if not parts:
        neither = f"Running free, neither {a.name} nor {b.name} is shown to be better in {any_of(count)}"
        parts.append(f"{neither} ({RISK}).")
    if "equivalent" in groups:
        conditions = groups["equivalent"]
        parts.append(f"Equivalent, within {margin:g} %, in {len(conditions)}: {_all(conditions)}.")
    if OPEN in groups:
        conditions = groups[OPEN]
        parts.append(f"Not distinguished in {len(conditions)}: {_all(conditions)}; their intervals include no change.")
        parts += needed_seeds(free, min(a.margin, b.margin))
    if NONE in groups:
        few, spared = list[Sequence[Mapping[Any, Any]]](), list[Sequence[Mapping[Any, Any]]]()
        for condition in groups[NONE]:
            (spared if spared_losses(pd.DataFrame(condition)) else few).append(condition)
        reasons = (
            ("by some headline fewer than three seeds have a result on both sides", few),
            ("one side lost more of its runs, and the others say nothing of those", spared),
        )
        parts += [f"Without a verdict, since {why}: {_all(conditions)}." for why, conditions in reasons if conditions]
    parts += resting(free, kind_of)
    numbers = "Numbers are changes in the headlines, [intervals at the level of the verdict, 95 % over all conditions]"
    direction = f"of the better side from the other, and where neither is better that of {a.name} from {b.name}"
    parts.append(f"{numbers}: {direction}.")
    by_seed = free["paired"].to_numpy(dtype=bool)
    if by_seed.any():
        fewest = seeds(int(free.loc[by_seed, "n"].min()))
        parts.append(f"Paired by seed, over the same data, in {by_seed.sum()}: {fewest} at least; paired t tests.")
    if not by_seed.all():
        common = free.loc[~by_seed, "common"].to_numpy()
        for why, count in (
            ("no seed is shared over the same data", (common == 0).sum()),
            ("fewer than three seeds are shared", (common > 0).sum()),
        ):
            if count:
                parts.append(f"Not paired, since {why}, in {count}: Welch's t test and its interval.")
    parts += _without_partner(free, a, b)
    lost = [f"{side.without_result()} of {side.name}" for side in (a, b) if side.without_result()]
    if lost:
        parts.append(f"Runs without a result, left out of every mean: {listed(lost)}.")
        if any(side.runs["lost"].any() for side in (a, b)):
            parts.append("In the probability of improvement a run that diverged or failed is worse than any other.")
    return parts


def _without_partner(free: pd.DataFrame, a: Side, b: Side) -> list[str]:
    """How many runs are in no comparison, where runs are paired by seed, in a sentence."""
    cells = free[free["paired"].astype(bool)].drop_duplicates(_CELL)
    left = []
    for side in (a, b):
        runs = side.runs[_CELL].astype(str).merge(cells[[*_CELL, "common"]].astype(dict.fromkeys(_CELL, str)), on=_CELL)
        alone = len(runs) - int(cells["common"].sum())
        left += [f"{counted(alone, 'run')} of {side.name}"] if alone else []
    return [f"In no comparison, for want of a partner of the same seed and data: {listed(left)}."] if left else []


def _all(conditions: Sequence[Sequence[Mapping[Any, Any]]], turned: bool = False) -> str:
    """Each condition with its numbers, `turned` into those of the second side; where there are many, how many of each task."""
    if len(conditions) <= MANY:
        return listed([_told(rows, turned) for rows in conditions])
    tasks = pd.Series([str(rows[0]["task_label"]) for rows in conditions]).value_counts(sort=False)
    return f"{listed([f'{task} {count}' for task, count in tasks.items()])} (the numbers are in the table)"


def _told(rows: Sequence[Mapping[Any, Any]], turned: bool) -> str:
    where = ", ".join(str(rows[0][name]) for name in ("task_label", "model_label", "setting") if rows[0][name])
    sizes = dict.fromkeys(f"n = {row['n']}" for row in rows)
    return f"{where} ({'; '.join(_number(row, turned) for row in rows)}, {' or '.join(sizes)})"


def _number(row: Mapping[Any, Any], turned: bool) -> str:
    """The change in one headline, with its own verdict where it is one of several."""
    p = f", Holm p = {number(row['holm'])}" if row["verdict"] in ("better", "worse") else ""
    numbers = row["mean"], row["low"], row["high"]
    if turned:
        numbers = reversed_change(*numbers, row["ratio"])
    changed = change(*numbers, row["ratio"], row["unit"])
    return f"{row['label']} {changed}{p}"


def page_of(told: Sequence[str], table: pd.DataFrame, a: Side, b: Side, file: str) -> str:
    """The comparison as a page of Markdown: the words, the table, the figure, and how the columns are to be read."""
    words = comparison_rows(table, {})
    lines = [_HEAD, ("---",) * len(_HEAD)]
    for row, said in zip(table.to_dict("records"), words, strict=True):
        model = said["model_label"] + (f" ({said['setting']})" if said["setting"] else "")
        pairs = "by seed" if row["paired"] else "no"
        first = (said["task_label"], said["measure"], said["level"], model, said["change"], said["n"], pairs)
        tests = (said["p"], said["holm"], said["p_signs"])
        last = (said["hedges"], said["delta"], said["improved"], *tests, said["verdict"], said["needed"])
        lines.append(tuple(escaped(cell) for cell in (*first, *last)))
    grid = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    title = escaped(f"{a.name} against {b.name}")
    return f"# {title}\n\n{escaped(' '.join(told))}\n\n{grid}\n\n![{title}]({file}.png)\n\n{escaped(NOTE)}\n"
