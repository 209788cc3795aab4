"""Cautions to the reader: runs that are in no mean, and errors that are not all the model's."""

from __future__ import annotations

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.report.number_text import listed
from freerun.store.quantity import INSIDE_SUPPORT, OTHER_CONTINUATIONS, WORLDS_GROWTH


def lost(rows: pd.DataFrame) -> str:
    """Which conditions lost runs, so that a mean over survivors is read as one."""
    rows = rows.drop_duplicates(["model_label", "method"])
    parts = [
        f"{row['diverged'] + row['failed']} of {row['runs']} for {row['model_label']}, {row['method']}"
        for row in rows.to_dict("records")
        if row["diverged"] + row["failed"]
    ]
    return f"Runs that diverged or failed, and are in no mean: {listed(parts)}." if parts else ""


def cautions(material: Material, task: str, metric: str) -> list[str]:
    """What the errors of a task say beside the gap, where it applies."""
    rows = material.whole[material.whole["task_label"] == task]
    steps = material.steps[material.steps["task_label"] == task]
    meant = [material.quantities.of(metric, unit) for unit in rows.loc[rows["metric"] == metric, "unit"].unique()]
    blind = {each for quantity in meant for each in quantity.blind}
    beside = set(material.compared.loc[material.compared["task_label"] == task, "metric"].astype(str))
    found = []
    if WORLDS_GROWTH in blind and not any(each.floor_name in beside for each in meant):
        found.append("Part of a free error on a chaotic system is the world's own growth of any error, not the model's fault.")
    if OTHER_CONTINUATIONS in blind and steps["step"].nunique() > 1:
        found.append(
            "The loss is taken against the one continuation that was written. Running free, even a perfect model would write "
            "another one, so part of this gap is the freedom of the source, not a fault of the model."
        )
    left_out = [each.left_out for each in meant if each.conditioned == INSIDE_SUPPORT]
    if (rows.loc[rows["metric"].isin(left_out), "free"] > 0).any():
        found.append(
            "KL is averaged over prefixes inside the support alone, at steps where forced and free both have some; sequences "
            "that have left it are counted by the off-support share and by the share of valid strings. Read them together."
        )
    return found
