"""Kinds of headlines: whether a conclusion rests on two that do not miss the same, or on one kind alone.

Two headlines are of one kind where there is something that both of them do not see, by their own word; and where one of them
says nothing of that, if they look at a rollout in the same form. What the one misses the other may see only if they are of
different kinds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.simultaneous import BETTER, EQUIVALENT, WORSE, over_set
from freerun.analysis.report.number_text import counted, listed

#: In which form a headline looks at a rollout.
FORMS = ("errors by lead time", "measures of a whole rollout", "comparisons with the forced rollout or the true system")
#: What is compared: one condition with its baseline.
PAIR = ["task_label", "model_label", "setting", "regime_label", "baseline"]
_CONCLUSIONS = (BETTER, WORSE, EQUIVALENT)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What tells one headline from another: its form, one of `FORMS`, and what it says to be blind to.

    Attributes:
        label: what people call it.
        headline: whether it is declared to be one; a measure that is none stands in where no headline was measured.
    """

    form: str
    blind: frozenset[str]
    label: str = ""
    headline: bool = True

    def like(self, other: Kind) -> bool:
        """Whether another headline is of the same kind."""
        declared = bool(self.blind and other.blind)
        return bool(self.blind & other.blind) or (not declared and self.form == other.form)


#: The kind of each headline, by the label of its task and its own name.
Kinds = Mapping[tuple[str, str], Kind]


def kinds(material: Material) -> dict[tuple[str, str], Kind]:
    """The kind of every headline, by the label of its task and its own name."""
    leads = material.steps.groupby(["task_label", "metric"], observed=True)["step"].max()
    frames = (material.steps, material.compared)
    columns = ["task_label", "metric", "unit"]
    rows = pd.concat([frame[columns].astype("str") for frame in frames]).drop_duplicates()
    keys = rows.itertuples(index=False, name=None)
    meant = {(task, metric): material.quantities.of(metric, unit) for task, metric, unit in keys}
    kind_of = {}
    for task, names in material.headlines.items():
        for name in names:
            form = FORMS[2] if (task, name) not in leads.index else FORMS[0] if leads[task, name] > 0 else FORMS[1]
            quantity = meant[task, name]
            kind_of[task, name] = Kind(
                form=form, blind=frozenset(quantity.blind), label=quantity.label, headline=quantity.part == "headline"
            )
    return kind_of


def two_kinds(headlines: Sequence[Kind]) -> bool:
    """Whether two of some headlines are of different kinds."""
    return any(not first.like(second) for first, second in combinations(headlines, 2))


def resting(compared: pd.DataFrame, kind_of: Kinds) -> list[str]:
    """What conclusions rest on, where that is less than they should: sentences; none where all is well.

    A conclusion over the headlines of a task, better, worse or equivalent, rests on those that say the same word. It rests on
    too little where these are of one kind, where a headline is not measured of both sides, and where no headline is measured
    at all, so that a companion stands in.

    Args:
        compared: comparisons by headlines, running free, with the columns of `PAIR`, `metric`, `label` and `verdict`.
        kind_of: what `kinds` gives.
    """
    count, alone = 0, dict[tuple[str, tuple[str, ...], str], int]()
    for _, of_set in compared.groupby(PAIR, observed=True, sort=False):
        rows = of_set.to_dict("records")
        word = over_set([str(row["verdict"]) for row in rows])
        if word not in _CONCLUSIONS:
            continue
        count += 1
        same = [row for row in rows if row["verdict"] == word]
        task = str(rows[0]["task_label"])
        of_same = [kind_of[task, str(row["metric"])] for row in same]
        if two_kinds(of_same):
            continue
        others = [str(row["label"]) for row in rows if row["verdict"] != word]
        only = not _missing(task, rows, kind_of)
        key = (task, tuple(str(row["label"]) for row in same), _why(of_same, others, only=only))
        alone[key] = alone.get(key, 0) + 1
    missing = not_of_both(compared, kind_of)
    remarks = by_no_headline(compared, kind_of)
    remarks += [f"Judged without headlines that are not measured of both sides: {missing}."] if missing else []
    if not alone:
        return remarks
    parts = [
        f"on {task} {listed(labels)} ({why}{f', in {n}' if len(alone) > 1 else ''})" for (task, labels, why), n in alone.items()
    ]
    share = f"{sum(alone.values())} of {counted(count, 'conclusion')}"
    verb = "rests" if sum(alone.values()) == 1 else "rest"
    first = f"{share} (better, worse or equivalent) {verb} on one kind of headline alone"
    if len(parts) > 2:
        return [*remarks, ". ".join([first, *(f"O{part[1:]}" for part in parts)]) + "."]
    return [*remarks, f"{first}: {'; '.join(parts)}."]


def by_no_headline(compared: pd.DataFrame, kind_of: Kinds) -> list[str]:
    """The tasks that are judged by a measure that is no headline, since none was measured, in a sentence."""
    tasks = dict.fromkeys(compared["task_label"].astype(str))
    lone = [(task, kind) for (task, _), kind in kind_of.items() if task in tasks and not kind.headline]
    if not lone:
        return []
    parts = [f"{task} by {kind.label}{f', blind to {sorted(kind.blind)[0]}' if kind.blind else ''}" for task, kind in lone]
    whose = "this task" if len(lone) == 1 else "these tasks"
    return [f"No headline of {whose} was measured, and what stands in may be won by a degenerate model: {'; '.join(parts)}."]


def not_of_both(compared: pd.DataFrame, kind_of: Kinds) -> str:
    """The headlines of each task that are not measured of both sides of a comparison, in words; "" where all are."""
    left_out: dict[str, dict[str, None]] = {}
    for _, of_set in compared.groupby(PAIR, observed=True, sort=False):
        task = str(of_set["task_label"].iloc[0])
        left_out.setdefault(task, {}).update(dict.fromkeys(_missing(task, of_set.to_dict("records"), kind_of)))
    return "; ".join(f"on {task} {listed(list(labels))}" for task, labels in left_out.items() if labels)


def _missing(task: str, rows: Sequence[Mapping[Any, Any]], kind_of: Kinds) -> list[str]:
    """The labels of those headlines of a task by which there is no row."""
    measured = {str(row["metric"]) for row in rows}
    return [kind.label for (where, name), kind in kind_of.items() if where == task and name not in measured]


def on_one_kind(compared: pd.DataFrame, kind_of: Kinds) -> pd.Series:
    """Which conclusions rest on one kind of headline alone: whether each row of `compared` is of one of them."""
    alone = pd.Series(False, index=compared.index)
    for _, of_set in compared.groupby(PAIR, observed=True, sort=False):
        word = over_set([str(said) for said in of_set["verdict"]])
        same = of_set.loc[of_set["verdict"] == word, ["task_label", "metric"]].astype(str)
        of_same = [kind_of[task, metric] for task, metric in same.itertuples(index=False, name=None)]
        alone[of_set.index] = word in _CONCLUSIONS and not two_kinds(of_same)
    return alone


def of_one_kind(headlines: Mapping[str, Sequence[str]], kind_of: Kinds) -> list[str]:
    """The tasks whose headlines are all of one kind, or a single one."""
    return [task for task, names in headlines.items() if not two_kinds([kind_of[task, name] for name in names])]


def _why(of_same: Sequence[Kind], others: Sequence[str], *, only: bool) -> str:
    """Why some headlines that say the same are of one kind alone, and what the task has beside them."""
    reasons = []
    if len(of_same) > 1:
        shared = sorted(frozenset.intersection(*(kind.blind for kind in of_same)))
        forms = {kind.form for kind in of_same}
        alike = f"all {of_same[0].form}" if len(forms) == 1 else "any two of them miss the same"
        reasons.append(f"all blind to {shared[0]}" if shared else alike)
    beside = "the task has no other headline" if only else "no other headline is measured of both sides"
    reasons.append(f"not shown by {listed(others)}" if others else beside)
    return "; ".join(reasons)
