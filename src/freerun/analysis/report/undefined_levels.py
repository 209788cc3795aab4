"""Note on conditions whose runs are done, but have no level of their task's own error."""

from __future__ import annotations

import pandas as pd

from freerun.analysis.report.number_text import listed


def undefined(table: pd.DataFrame, task: str) -> str:
    """Return which conditions of a task, rows of `summary_table.full`, have runs without a level; "" where every run has one.

    A run has none where a value of a step is not finite, forced or free, as when it leaves every bound in closed loop.
    """
    rows = table[(table["task_label"] == task) & table["primary"] & (table["done"] > table["n"])]
    if rows.empty:
        return ""
    named = [
        f"{row['model_label']}, {row['method']} ({row['done'] - row['n']} of {row['done']} runs)"
        for row in rows.to_dict("records")
    ]
    return (
        f"{rows['label'].iloc[0]} is undefined for {listed(named)}: at some step it has no finite value, free or forced, as "
        "where a closed loop leaves every bound."
    )
