"""What was run, had it finished, and by what was it made?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from freerun.report.words import number
from freerun.stats.conditions import CELL
from freerun.stats.intervals import STATUSES

#: The last part of training that is looked at, and the movement below which it counts as settled.
TAIL, SETTLED = 0.1, 0.02
QUANTITIES = {"validation_forced_loss": "forced", "validation_free_loss": "free"}
_INTERVALS = (
    "The seed is the unit of replication; windows and steps are not.",
    "Intervals are 95 % over seeds: Student t below 20 seeds, BCa bootstraps (Efron 1987, expanded after Hesterberg 2015) from "
    "20 on; below three seeds none is given.",
    "Levels of errors on a ratio scale (KL, RMSE, squared error) are geometric means with intervals on the logarithm;",
    "gaps are arithmetic means of each run's difference, so that they need not equal the difference of the levels.",
)
_PAIRS = (
    "Regimes are compared in pairs that share task, model, settings and seed (initial weights, data, order and coins), as a "
    "ratio for errors on a ratio scale and as a difference otherwise, over the steps at which both runs are defined; g is the "
    "mean difference in standard deviations of the differences without its bias (Hedges 1981), \N{GREEK SMALL LETTER DELTA} "
    "Cliff's delta (1: every run is better than every one of the baseline); p is from the exact sign-flip test (drawn beyond "
    "16 pairs), corrected by Holm over a declared family: all comparisons of each task's own error at one level, and, apart "
    "from them, those of each other metric at one level. A verdict follows the corrected p."
)
_COUNTS = (
    "Where an interval includes no change, no difference is claimed; where it does not but p fails after Holm, that is said.",
    "Improved is the probability that a seed does better than under the baseline, with its Clopper-Pearson interval.",
    "Diverged and failed runs have no errors to average; they are counted beside every mean, with the Clopper-Pearson interval "
    "of their share.",
)
_NOT_SETTINGS = {"run", "study", "seed", "status", "reason", "data", "commit", "machine", "threads"}


def finish(curves: pd.DataFrame) -> dict[str, Any]:
    """How much the validation losses, averaged over seeds, still moved over the last tenth of the updates.

    Returns:
        `sentence`, and `rows`: task, model, method, and the relative change of the forced and of the free loss.
    """
    rows = curves[curves["quantity"].isin(list(QUANTITIES)) & curves["value"].notna()]
    means = rows.groupby([*CELL, "quantity", "update"], observed=True, sort=True)["value"].mean()
    moved = means.groupby(level=[*CELL, "quantity"], observed=True, sort=True).apply(_moved).dropna()
    if moved.empty:
        return {"sentence": "There are no training curves.", "rows": []}
    wide = moved.unstack("quantity").reindex(columns=list(QUANTITIES)).rename(columns=QUANTITIES).reset_index()
    settled = int((wide[["forced", "free"]].abs().max(axis=1) <= SETTLED).sum())
    sentence = (
        f"Over the last {TAIL:.0%} of the updates the validation loss, forced and free, moved by less than {SETTLED:.0%} in "
        f"{settled} of {len(wide)} conditions. {_worst(wide)}"
    ).replace("%", " %")
    shown = [
        {**{name: str(row[name]) for name in CELL}, **{mode: _signed(row[mode]) for mode in QUANTITIES.values()}}
        for row in wide.to_dict("records")
    ]
    return {"sentence": sentence, "rows": shown}


def settings(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """Every setting with its values over the runs of the study."""
    found = []
    for name in runs.columns:
        if name not in _NOT_SETTINGS and name not in (*CELL, "regime_label", "setting") and not name.startswith("version."):
            values = runs[name].dropna()
            if len(values):
                found.append((str(name), ", ".join(dict.fromkeys(_value(value) for value in values))))
    return found


def statistics(table: pd.DataFrame) -> str:
    """The statistics that were used, for the method section."""
    n = int(table["n"].max()) if len(table) else 0
    smallest = f" With n = {n} the smallest possible p is {number(min(1.0, 2 / 2**n))}." if n >= 3 else ""
    return " ".join([*_INTERVALS, _PAIRS + smallest, *_COUNTS])


def lost(runs: pd.DataFrame) -> list[dict[str, str]]:
    """The runs that diverged, failed or are pending, with what is known of the reason."""
    rows = runs[runs["status"] != "done"]
    return [{name: str(row[name]) for name in (*CELL, "seed", "run", "status", "reason")} for row in rows.to_dict("records")]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the runs of a study took: seconds of training and evaluation, summed, and when the last one ended (UTC)."""

    training_seconds: float
    evaluation_seconds: float
    finished: str


def cost(made: Sequence[Mapping[str, Any]]) -> Cost:
    """What the records of some runs say, in their `provenance`, of time."""
    return Cost(
        training_seconds=sum(float(each.get("training_seconds") or 0) for each in made),
        evaluation_seconds=sum(float(each.get("evaluation_seconds") or 0) for each in made),
        finished=max((str(each.get("finished") or "") for each in made), default=""),
    )


def provenance(runs: pd.DataFrame, cost: Cost, study_info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """By what the study was made, as pairs of a name and its value."""
    tally = runs["status"].value_counts()
    became = ", ".join(f"{int(tally[status])} {status}" for status in STATUSES if status in tally)
    found = [("Command", str(study_info.get("command") or "")), ("Last run ended", cost.finished)]
    overrides = study_info.get("overrides") or ()
    found.append(("Overrides", overrides if isinstance(overrides, str) else " ".join(str(each) for each in overrides)))
    found.append(("Runs", f"{len(runs)} ({became})"))
    found.append(
        (
            "Training time",
            f"{_duration(cost.training_seconds)} summed over runs, evaluation {_duration(cost.evaluation_seconds)}",
        )
    )
    found += [(name.removeprefix("version."), _unique(runs[name])) for name in runs.columns if name.startswith("version.")]
    found += [(name.capitalize(), _unique(runs[name])) for name in ("commit", "machine", "device", "threads") if name in runs]
    found.append(("Data sets", f"{runs['data'].nunique()}, each known by its SHA-256 (column data of runs.csv)"))
    return [(name, value) for name, value in found if value]


def _moved(values: pd.Series) -> float:
    """The relative change from the last point at or before the tail to the last point."""
    updates = values.index.get_level_values("update").to_numpy()
    before = np.flatnonzero(updates <= (1 - TAIL) * updates[-1])
    if len(values) < 2 or not len(before) or values.iloc[before[-1]] == 0:
        return float("nan")
    return float(values.iloc[-1] / values.iloc[before[-1]] - 1)


def _worst(wide: pd.DataFrame) -> str:
    parts = []
    for mode in QUANTITIES.values():
        if wide[mode].notna().any():
            row = wide.iloc[int(np.nanargmax(wide[mode].abs().to_numpy()))]
            parts.append(f"{mode} by {_signed(row[mode])} ({row['task_label']}, {row['model_label']}, {row['method']})")
    return f"It moved most {' and '.join(parts)}." if parts else ""


def _signed(value: float) -> str:
    return f"{100 * value:+.1f} %".replace("-", "\N{MINUS SIGN}") if np.isfinite(value) else "undefined"


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unique(values: pd.Series) -> str:
    return ", ".join(dict.fromkeys(_value(value) for value in values.dropna()))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
