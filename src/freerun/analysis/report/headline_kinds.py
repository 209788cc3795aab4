"""Kinds of headlines: whether a conclusion rests on two that do not miss the same, or on one kind alone.

Two headlines are of one kind where there is something that both of them do not see, by their own word; and where one of them
says nothing of that, if they look at a rollout in the same form. What the one misses the other may see only if they are of
different kinds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

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
    """What tells one headline from another: its form, one of `FORMS`, and what it says to be blind to."""

    form: str
    blind: frozenset[str]

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
    blind = {
        (row["task_label"], row["metric"]): frozenset(material.quantities.of(row["metric"], row["unit"]).blind)
        for row in rows.to_dict("records")
    }
    kind_of = {}
    for task, names in material.headlines.items():
        for name in names:
            form = FORMS[2] if (task, name) not in leads.index else FORMS[0] if leads[task, name] > 0 else FORMS[1]
            kind_of[task, name] = Kind(form=form, blind=blind.get((task, name), frozenset()))
    return kind_of


def two_kinds(headlines: Sequence[Kind]) -> bool:
    """Whether two of some headlines are of different kinds."""
    return any(not first.like(second) for first, second in combinations(headlines, 2))


def resting(compared: pd.DataFrame, kind_of: Kinds) -> list[str]:
    """Which conclusions rest on one kind of headline alone, in a sentence; none where there are none.

    A conclusion over the headlines of a task, better, worse or equivalent, rests on those that say the same word.

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
        key = (task, tuple(str(row["label"]) for row in same), _why(of_same, others))
        alone[key] = alone.get(key, 0) + 1
    if not alone:
        return []
    parts = [
        f"on {task} {listed(labels)} ({why}{f', in {n}' if len(alone) > 1 else ''})" for (task, labels, why), n in alone.items()
    ]
    share = f"{sum(alone.values())} of {counted(count, 'conclusion')}"
    verb = "rests" if sum(alone.values()) == 1 else "rest"
    return [f"{share} (better, worse or equivalent) {verb} on one kind of headline alone: {'; '.join(parts)}."]


def of_one_kind(headlines: Mapping[str, Sequence[str]], kind_of: Kinds) -> list[str]:
    """The tasks whose headlines are all of one kind, or a single one."""
    return [task for task, names in headlines.items() if not two_kinds([kind_of[task, name] for name in names])]


def _why(of_same: Sequence[Kind], others: Sequence[str]) -> str:
    """Why some headlines that say the same are of one kind alone, and what the task has beside them."""
    reasons = []
    if len(of_same) > 1:
        shared = sorted(frozenset.intersection(*(kind.blind for kind in of_same)))
        forms = {kind.form for kind in of_same}
        alike = f"all {of_same[0].form}" if len(forms) == 1 else "any two of them miss the same"
        reasons.append(f"all blind to {shared[0]}" if shared else alike)
    reasons.append(f"not shown by {listed(others)}" if others else "the task has no other headline")
    return "; ".join(reasons)
