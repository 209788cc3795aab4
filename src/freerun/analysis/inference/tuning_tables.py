"""Tables of a tuned study: what was chosen for each method and what it took, every trial, the expected best of fewer trials.

tuned          one row a method: trials, what was chosen, the target there, what its trials took
tuning_trials  one row a trial: its settings, the target, what became of it
expected_best  one row a method and number of trials
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from freerun.analysis.inference.expected_best import best_so_far, expected_best, finite
from freerun.analysis.inference.replicates import CELL, conditions
from freerun.analysis.tables.tidy import Tables, csv_bytes
from freerun.io.writing import write_atomic

NAMES = ("tuned", "tuning_trials", "expected_best")
#: How the expected best is had, by the sampler.
ESTIMATORS = {
    "grid": "expected best, Dodge et al. 2019, eq. 7",
    "random": "expected best, Dodge et al. 2019, eq. 7",
    "optuna": "best so far",
}
_WORDS = dict(zip(CELL, ("task", "model", "method"), strict=True))


def frames(tables: Tables) -> dict[str, pd.DataFrame]:
    """The tables by name; none of a study that was not tuned."""
    if tables.tuned is None:
        return {}
    labelled = conditions(tables.runs, tuple(tables.tuned["axes"]))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for method in tables.tuned["methods"]:
        label = _label(method, labelled)
        found["tuned"].append({**label, **_method(method, tables.tuned)})
        found["tuning_trials"] += [
            {
                **label, "trial": number, "state": trial["state"], "value": trial["value"], **trial["settings"],
                "runs": " ".join(trial["runs"]),
            }
            for number, trial in enumerate(method["trials"])
        ]  # fmt: skip
        found["expected_best"] += [{**label, **row} for row in _expected(method, tables.tuned)]
    return {name: pd.DataFrame(rows) for name, rows in found.items()}


def write(tables: Tables, folder: Path) -> None:
    """Write each table of a tuned study as Parquet and as CSV; the same records give the same bytes.

    Raises:
        OSError: if the disk refuses.
    """
    for name, frame in frames(tables).items():
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        write_atomic(folder / f"{name}.parquet", buffer.getvalue())
        write_atomic(folder / f"{name}.csv", csv_bytes(frame))


def _label(method: Mapping[str, Any], labelled: pd.DataFrame) -> dict[str, str]:
    """The labels of the condition that a method is; where it is measured in several ways, of the first."""
    trained = labelled.index.str.partition("-").get_level_values(0)
    row = labelled[trained.isin(method["runs"])].iloc[0]
    return {word: str(row[name]) for name, word in _WORDS.items()}


def _method(method: Mapping[str, Any], tuned: Mapping[str, Any]) -> dict[str, Any]:
    trials = method["trials"]
    (chosen,) = [each for each in trials if each["settings"] == method["chosen"]]
    return {
        "trials": len(trials), "lost": sum(trial["value"] is None for trial in trials), "seeds": len(tuned["seeds"]),
        **{key: method["chosen"].get(key) for key in tuned["axes"]},
        "metric": tuned["metric"], "mode": tuned["mode"], "split": tuned["split"], "value": chosen["value"],
        "updates": method["updates"], "steps": method["steps"], "seconds": method["seconds"],
    }  # fmt: skip


def _expected(method: Mapping[str, Any], tuned: Mapping[str, Any]) -> list[dict[str, Any]]:
    maximize = tuned["maximize"]
    values = finite([trial["value"] for trial in method["trials"]], maximize=maximize)
    estimate = best_so_far if tuned["sampler"] == "optuna" else expected_best
    found = estimate(values, maximize=maximize)
    estimator = ESTIMATORS[tuned["sampler"]]
    return [{"trials": n, "value": value, "estimator": estimator} for n, value in enumerate(found, start=1)]
