"""What must a reader beware of? Runs that are in no mean, and errors that are not all the model's."""

from __future__ import annotations

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.chaos_share import FLOOR
from freerun.analysis.inference.labels import positive
from freerun.analysis.report.number_text import listed


def lost(rows: pd.DataFrame) -> str:
    """Which conditions lost runs, so that a mean over survivors is read as one."""
    rows = rows.drop_duplicates(["model_label", "method"])
    parts = [
        f"{row['diverged'] + row['failed']} of {row['runs']} for {row['model_label']}, {row['method']}"
        for row in rows.to_dict("records")
        if row["diverged"] + row["failed"]
    ]
    return f"Runs that diverged or failed, and are in no mean: {listed(parts)}." if parts else ""


def _has_floor(material: Material, task: str) -> bool:
    return bool(((material.compared["metric"] == FLOOR) & (material.compared["task_label"] == task)).any())


def cautions(material: Material, task: str, metric: str) -> list[str]:
    """What the errors of a task say beside the gap, where it applies."""
    rows = material.whole[material.whole["task_label"] == task]
    steps = material.steps[material.steps["task_label"] == task]
    metrics, units = set(rows["metric"].astype(str)), set(rows.loc[rows["metric"] == metric, "unit"].astype(str))
    found = []
    if "valid_time" in metrics and not _has_floor(material, task):
        found.append("Part of a free error on a chaotic system is the world's own growth of any error, not the model's fault.")
    if (
        metric == "loss"
        and "exact_match" not in metrics
        and not any(positive(metric, unit) for unit in units)
        and steps["step"].nunique() > 1
    ):
        found.append(
            "The loss is taken against the one continuation that was written. Running free, even a perfect model would write "
            "another one, so part of this gap is the freedom of the source, not a fault of the model."
        )
    if (rows.loc[rows["metric"] == "off_support", "free"] > 0).any():
        found.append(
            "KL is averaged over prefixes inside the support alone, at steps where forced and free both have some; sequences "
            "that have left it are counted by the off-support share and by the share of valid strings. Read them together."
        )
    return found
