"""Caution on a warm-up that is too short: the forced error has not settled at the release, and where it has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import summarise
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import listed, measured

#: The forced error has settled at the first of so many steps over which it is within the margin of its later level.
_TOGETHER = 3
#: So many conditions are told one by one.
_NAMED = 4


def too_short(material: Material, task: str) -> str:
    """Return the caution on a task whose forced error is larger at the release than later, with the warm-up that would do.

    Of a condition the excess is a mean over seeds; it counts where the low end of its 95 % interval is beyond the margin of the
    study, or, below three seeds, where that of every run is.

    Returns:
        A sentence; "" where the forced error has settled in every condition, or nothing says whether it has.
    """
    names = material.quantities.accounting("release", material.compared["metric"].unique())
    rows = material.compared[(material.compared["task_label"] == task) & material.compared["metric"].isin(names)]
    rows = rows[rows["value"].notna()]
    if rows.empty:
        return ""
    table = summarise(rows, CELL, "value").merge(rows.groupby(CELL, observed=True)["low"].min().rename("least").reset_index())
    beyond = table["low"].fillna(table["least"]) > math.log(1 + material.margin)
    cells = table[beyond].to_dict("records")
    if not cells:
        return ""
    parts = [
        f"{row['model_label']}, {row['method']} {measured(*(math.exp(row[end]) for end in ('mean', 'low', 'high')))}"
        for row in cells
    ]
    named = listed(parts) if len(parts) <= _NAMED else f"{len(parts)} of {len(table)} conditions"
    return (
        f"The warm-up is too short: at the release the forced error is larger than later, by a factor beyond the margin of "
        f"{100 * material.margin:g} % ({named}), so that what looks like exposure at first is partly the search for a "
        f"state. {_remedy(material, task, cells)}"
    )


def _remedy(material: Material, task: str, cells: Sequence[Mapping[Any, Any]]) -> str:
    """What to set, by where the forced errors of some conditions settle."""
    runs, metric = material.runs[material.runs["task_label"] == task], material.forecasts.get(task)
    if metric is None or "evaluation.warmup" not in runs:
        return "Set a larger evaluation.warmup."
    steps = material.steps[(material.steps["task_label"] == task) & (material.steps["metric"] == metric)]
    needed, settled, present = 0, True, set[int]()
    for cell in cells:
        of_cell = steps[np.logical_and.reduce([steps[name] == cell[name] for name in CELL])]
        warmup = runs.loc[np.logical_and.reduce([runs[name] == cell[name] for name in CELL]), "evaluation.warmup"].max()
        present.add(int(warmup))
        step, found = settles(of_cell, material.margin)
        needed, settled = max(needed, int(warmup) + step - 1), settled and found
    now = " or ".join(map(str, sorted(present)))
    words = [f"evaluation.warmup={needed}"]
    if (length := runs["task.length"].min()) <= needed:
        words.append(f"a task.length above {needed} (now {int(length)})")
    if settled:
        return f"It has settled with {' and '.join(words)} (now {now}), in runs that are trained anew."
    return (
        f"It does not settle in the first half of the horizon: take {' and '.join(words)} at least (now {now}), and look again."
    )


def settles(steps: pd.DataFrame, margin: float) -> tuple[int, bool]:
    """Return at which step after the release the forced error has settled, and whether it does in the first half of the steps.

    Args:
        steps: `run`, `step`, from 1 on, and `forced`, an error on a ratio scale, of one condition.
        margin: by which share the error may be larger than that over the later half.

    Returns:
        The first step from which on the root mean square of the forced error over `_TOGETHER` steps is within the margin of
        that of the later half, as a geometric mean over runs; the first step of the later half where there is none before.
    """
    squares = (steps["forced"] ** 2).groupby([steps["step"], steps["run"].astype("str")]).mean().unstack().to_numpy()
    half = len(squares) // 2
    for start in range(half):
        ratios = squares[start : start + _TOGETHER].mean(0) / squares[half:].mean(0)
        if np.log(ratios).mean() / 2 <= math.log(1 + margin):
            return start + 1, True
    return half + 1, False
