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
#: How the best of fewer trials is estimated.
EXPECTED, SO_FAR = "expected best, Dodge et al. 2019, eq. 7", "best so far"
_WORDS = dict(zip(CELL, ("task", "model", "method"), strict=True))


def frames(tables: Tables) -> dict[str, pd.DataFrame]:
    """The tables by name; none of a study that was not tuned, or of whose methods no run is known."""
    if tables.tuned is None:
        return {}
    labelled = conditions(tables.runs, tables.own_settings)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for method in tables.tuned["methods"]:
        label = _label(method, labelled)
        if label is None:
            continue
        rows["tuned"].append({**label, **_method(method, tables.tuned)})
        rows["tuning_trials"] += [
            {
                **label, "trial": number, "state": trial["state"], "value": trial["value"], "pruned": trial["pruned"],
                "updates": trial["updates"], **trial["settings"], "runs": " ".join(trial["runs"]),
            }
            for number, trial in enumerate(method["trials"])
        ]  # fmt: skip
        rows["expected_best"] += [{**label, **row} for row in _expected(method, tables.tuned)]
    return {name: pd.DataFrame(of_table) for name, of_table in rows.items()} if rows["tuned"] else {}


def target_of(method: Mapping[str, Any], tuned: Mapping[str, Any]) -> Mapping[str, Any]:
    """In what the chosen trial of a method is best: metric, mode, split, and whether the largest is."""
    own: Mapping[str, Any] | None = method.get("target")
    return tuned if own is None else own


def independent(tuned: Mapping[str, Any]) -> bool:
    """Whether no trial depends on those before it, by where it is or by when it is given up."""
    return bool(tuned["sampler"] != "optuna" and tuned["pruner"] == "none")


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


def _label(method: Mapping[str, Any], labelled: pd.DataFrame) -> dict[str, str] | None:
    """The labels of the condition that a method is, the first where it is measured in several ways; None if it is in none."""
    trained = labelled.index.str.partition("-").get_level_values(0)
    rows = labelled[trained.isin(method["runs"])]
    return None if rows.empty else {word: str(rows.iloc[0][name]) for name, word in _WORDS.items()}


def _method(method: Mapping[str, Any], tuned: Mapping[str, Any]) -> dict[str, Any]:
    trials = method["trials"]
    chosen = next(trial for trial in trials if trial["settings"] == method["chosen"])
    pruned = sum(trial["pruned"] for trial in trials)
    target = target_of(method, tuned)
    return {
        "trials": len(trials), "lost": sum(trial["value"] is None for trial in trials) - pruned, "pruned": pruned,
        "seeds": len(tuned["seeds"]),
        **{key: method["chosen"].get(key) for key in tuned["axes"]},
        "metric": target["metric"], "mode": target["mode"], "split": target["split"], "value": chosen["value"],
        "updates": method["updates"], "steps": method["steps"],
        "products": method["products"], "seconds": method["seconds"],
    }  # fmt: skip


def _expected(method: Mapping[str, Any], tuned: Mapping[str, Any]) -> list[dict[str, Any]]:
    maximize = target_of(method, tuned)["maximize"]
    values = finite([trial["value"] for trial in method["trials"]], maximize=maximize)
    estimates = (expected_best if independent(tuned) else best_so_far)(values, maximize=maximize)
    estimator = EXPECTED if independent(tuned) else SO_FAR
    return [{"trials": n, "value": value, "estimator": estimator} for n, value in enumerate(estimates, start=1)]
