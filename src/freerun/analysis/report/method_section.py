"""Section on the method: settings, statistics, convergence, lost runs, cost and provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.inference.confidence_intervals import STATUSES
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import number
from freerun.analysis.tables.run_table import MADE_BY

#: The last part of training that is looked at, and the movement below which it counts as settled.
TAIL, SETTLED = 0.1, 0.02
#: Where the logged points leave more of training than this for the last part, nothing is said of its end.
COARSE = 0.25
QUANTITIES = {"validation_forced_loss": "forced", "validation_free_loss": "free"}
_INTERVALS = (
    "The seed is the unit of replication; windows and steps are not.",
    "Intervals are 95 % over seeds: Student t below 20 seeds, BCa bootstraps (Efron 1987, expanded after Hesterberg 2015) from "
    "20 on; below three seeds none is given.",
    "Levels of errors on a ratio scale (KL, RMSE, squared error) are geometric means with intervals on the logarithm;",
    "gaps are arithmetic means of each run's difference, so that they need not equal the difference of the levels.",
    "An interval of what has a range ends with it: shares and probabilities at 0 and 1, errors and divergences at 0; it "
    "covers what it covered before. Seeds that all agree have an interval of no width.",
)
_PAIRS = (
    "Regimes are compared in pairs that share task, model, settings and seed (initial weights, data, order and coins), as a "
    "ratio for errors on a ratio scale and as a difference otherwise, over the steps at which both runs are defined; g is the "
    "mean difference in standard deviations of the differences without its bias (Hedges 1981), \N{GREEK SMALL LETTER DELTA} "
    "Cliff's delta (1: every run is better than every one of the baseline), both positive where the regime is better; p is "
    "from the exact sign-flip test (drawn beyond 16 pairs), corrected by Holm over a declared family: all comparisons of each "
    "task's own error at one level, and, apart from them, those of each other metric at one level. A verdict follows the "
    "corrected p."
)
_COUNTS = (
    "Where an interval includes no change, no difference is claimed; where it does not but p fails after Holm, that is said.",
    "Improved is the probability that a seed does better than under the baseline, with its Clopper-Pearson interval.",
    "Diverged and failed runs have no errors to average; they are counted beside every mean, with the Clopper-Pearson interval "
    "of their share, and are worse than any other run in Improved, in \N{GREEK SMALL LETTER DELTA} and in ranks.",
)
_NOT_SETTINGS = {"run", "study", "seed", "status", "reason", *MADE_BY}


def finish(curves: pd.DataFrame) -> dict[str, Any]:
    """How much the validation losses, averaged over seeds, still moved over the last tenth of the updates.

    That tenth begins at the last logged point at or before it; where points are few it is longer, and said to be.

    Returns:
        `sentence`, and `rows`: task, model, method, the updates from and to which it was, and the relative change of the forced
        and of the free loss.
    """
    rows = curves[curves["quantity"].isin(list(QUANTITIES)) & curves["value"].notna()]
    means = rows.groupby([*CELL, "quantity", "update"], observed=True, sort=True)["value"].mean()
    grouped = means.groupby(level=[*CELL, "quantity"], observed=True, sort=True)
    names = [*CELL, "quantity"]
    found = [{**dict(zip(names, each.index[0], strict=False)), **_moved(each)} for _, each in grouped]
    moved = pd.DataFrame(found, columns=[*names, "change", "first", "last"]).dropna()
    if moved.empty:
        return {"sentence": "There are no training curves with two points.", "rows": []}
    spans = moved.groupby(CELL, observed=True, sort=False).agg(first=("first", "min"), last=("last", "max"))
    wide = moved.pivot(index=CELL, columns="quantity", values="change").reindex(columns=list(QUANTITIES))
    wide = wide.rename(columns=QUANTITIES).join(spans).reset_index()
    wide["span"] = (wide["last"] - wide["first"]) / wide["last"]
    shown = [
        {
            **{name: str(row[name]) for name in CELL},
            **{mode: _signed(row[mode]) for mode in QUANTITIES.values()},
            "updates": f"{row['first']:.0f} to {row['last']:.0f} ({_per_cent(row['span'])})",
        }
        for row in wide.to_dict("records")
    ]
    return {"sentence": _finished(wide), "rows": shown}


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
    found += [
        (name.capitalize(), _unique(runs[name]))
        for name in ("commit", "machine", "processor", "arithmetic", "device", "threads")
        if name in runs
    ]
    found.append(("Data sets", f"{runs['data'].nunique()}, each known by its SHA-256 (column data of runs.csv)"))
    return [(name, value) for name, value in found if value]


def _moved(values: pd.Series) -> dict[str, float]:
    """The relative change from the last point at or before the tail to the last point, with the updates of the two."""
    updates = values.index.get_level_values("update").to_numpy()
    before = np.flatnonzero(updates <= (1 - TAIL) * updates[-1])
    if len(values) < 2 or not len(before) or values.iloc[before[-1]] == 0:
        return {}
    change = float(values.iloc[-1] / values.iloc[before[-1]] - 1)
    return {"change": change, "first": float(updates[before[-1]]), "last": float(updates[-1])}


def _finished(wide: pd.DataFrame) -> str:
    """Whether the losses had settled, where that can be told."""
    fine, coarse = wide[wide["span"] <= COARSE], wide[wide["span"] > COARSE]
    said = []
    if len(fine):
        settled = int((fine[["forced", "free"]].abs().max(axis=1) <= SETTLED).sum())
        parts = list(dict.fromkeys(_per_cent(span) for span in (fine["span"].min(), fine["span"].max())))
        said.append(
            f"Over the last {' to '.join(parts)} of the updates the validation loss, forced and free, moved by less than "
            f"{_per_cent(SETTLED)} in {settled} of {len(fine)} conditions. {_worst(fine)}"
        )
    if len(coarse):
        top = coarse.iloc[int(np.argmax(coarse["span"].to_numpy()))]
        said.append(
            f"In {len(coarse)} of {len(wide)} conditions too few points were logged to tell whether training had settled: of "
            f"its end no more is known than the change from update {top['first']:.0f} to {top['last']:.0f}, over "
            f"{_per_cent(top['span'])} of it (a smaller training.log_every tells more)."
        )
    return " ".join(said)


def _worst(wide: pd.DataFrame) -> str:
    parts = []
    for mode in QUANTITIES.values():
        if wide[mode].notna().any():
            row = wide.iloc[int(np.nanargmax(wide[mode].abs().to_numpy()))]
            parts.append(f"by {_signed(row[mode])} {mode} ({row['task_label']}, {row['model_label']}, {row['method']})")
    return f"It moved most {' and '.join(parts)}." if parts else ""


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %"


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
