"""Note on conditions whose runs are done, but have no level of their task's own error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from freerun.analysis.report.number_text import listed


def undefined(table: pd.DataFrame, task: str) -> str:
    """Return which conditions of a task have done runs without a level of its own error; "" where none has.

    It is not measured of a condition that reads nothing of its own. A run has none where a value of a step is not finite,
    forced or free, as when it leaves every bound in closed loop.

    Args:
        table: rows of `summary_table.full`.
        task: its label.
    """
    of_task = table[(table["task_label"] == task) & (table["done"] > 0)]
    primary = of_task[of_task["primary"]]
    rows, sentences = primary[primary["done"] > primary["n"]], []
    if len(rows):
        lost = [(_called(row), row["done"] - row["n"], row["done"]) for row in rows.to_dict("records")]
        named = [f"{name} ({count} of {of} runs)" for name, count, of in lost]
        sentences.append(
            f"{rows['label'].iloc[0]} is undefined for {listed(named)}: at some step it has no finite value, free or forced, "
            "as where a closed loop leaves every bound."
        )
    having = {_called(row) for row in primary.to_dict("records")}
    others = dict.fromkeys(name for row in of_task.to_dict("records") if (name := _called(row)) not in having)
    if having and others:
        sentences.append(
            f"{primary['label'].iloc[0]} has no meaning for {listed(list(others))}, which read nothing of their own: they "
            "stand under the other measures in report and tables."
        )
    return " ".join(sentences)


def _called(row: Mapping[Any, Any]) -> str:
    return f"{row['model_label']}, {row['method']}"
