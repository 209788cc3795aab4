"""Table of budgets: the work of training of each run, which is the same on every machine.

Seconds, which are not, are in the records and in the report alone.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd

from freerun.store.record_columns import Extract

#: What is counted of each run, in the order of the table.
COUNTS = ("updates", "steps", "products")
#: Of the run whose weights training began with, in a table of which some did: its name, and what it had taken.
START = ("start", *(f"start_{name}" for name in COUNTS))


def none() -> pd.DataFrame:
    """The table of a study of which nothing is known."""
    columns: dict[str, Any] = {name: pd.Series(dtype="str") for name in ("run", "study", "task", "model", "regime")}
    return pd.DataFrame(columns | {"seed": pd.Series(dtype="Int64")} | {name: pd.Series(dtype=float) for name in COUNTS})


def frame(found: Extract, at: np.ndarray, runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each run with a record; what its record does not say, being older, is undefined.

    Args:
        found: the extract of the runs that have a sound record.
        at: their places in `runs`.
        runs: the table of runs.

    Returns:
        run, study, task, model, regime, seed; `updates`: gradient steps; `steps`: of sequences that were rolled out;
        `products` of weights in them (`freerun.execution.training_work`), each as its settings plan it, whether or not the run
        diverged on the way, or up to where its patience was at an end. Where a run began with the weights of another one also
        `start`, which that was, and `start_updates`, `start_steps` and `start_products`, what had been taken up to there; none
        of it is among its own.
    """
    outcomes: list[dict[str, Any]] = [msgspec.json.decode(text) for text in found.texts["outcome"]]
    of_runs = runs.iloc[at].reset_index(drop=True)
    columns = {name: of_runs[name] for name in ("run", "study", "task", "model", "regime", "seed")}
    updates = _known(of_runs, "training.updates")
    columns |= {name: _told(name, outcomes, found) for name in COUNTS}
    columns["updates"] = columns["updates"].fillna(_known(of_runs, "training.stop")).fillna(updates)
    if any(START[0] in each for each in outcomes):
        columns[START[0]] = _texts(START[0], outcomes, found)
        columns |= {name: _told(name, outcomes, found) for name in START[1:]}
    return pd.DataFrame(columns)


def _texts(name: str, outcomes: list[dict[str, Any]], found: Extract) -> pd.Series:
    """What the records say in words, undefined where one does not."""
    values = [each.get(name) for each in outcomes]
    return pd.Series([values[code] for code in found.columns["outcome"].tolist()], dtype="str")


def _told(name: str, outcomes: list[dict[str, Any]], found: Extract) -> pd.Series:
    """What the records say of a count, undefined where one does not."""
    values = np.array([np.nan if (value := each.get(name)) is None else value for each in outcomes], dtype=float)
    return pd.Series(values[found.columns["outcome"]] if len(outcomes) else np.zeros(0))


def _known(runs: pd.DataFrame, name: str) -> pd.Series:
    """A setting as numbers, undefined where a run does not say it."""
    return runs[name].astype(float) if name in runs else pd.Series(np.nan, index=runs.index, dtype=float)
