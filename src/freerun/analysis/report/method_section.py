"""Section on the method: settings, statistics, convergence, lost runs, cost and provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.inference.confidence_intervals import FEWEST, STATUSES
from freerun.analysis.inference.power import smallest_p
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import number
from freerun.analysis.tables.run_table import MADE_BY
from freerun.config.learning_rate import Decay, factor

#: The last part of training at a high rate that is looked at, and the movement below which it counts as settled.
TAIL, SETTLED = 0.1, 0.02
#: A rate is high while it is at least so much of its peak: below, a loss settles because the rate falls.
HIGH = 0.5
#: Where the logged points leave more of training than this for the last part, nothing is said of its end.
COARSE = 0.25
QUANTITIES = {"validation_forced_loss": "forced", "validation_free_loss": "free"}
_INTERVALS = (
    "The seed is the unit of replication; windows and steps are not.",
    "Intervals are 95 % over seeds: Student t below 20 seeds, BCa bootstraps (Efron 1987, expanded after Hesterberg 2015) from "
    "20 on; below three seeds none is given.",
    "Levels of errors on a ratio scale (KL, RMSE, squared error) are geometric means with intervals on the logarithm; their "
    "gap is the difference of the two levels, with an interval from theirs and from how they go together over seeds (MOVER, "
    "Zou et al. 2009). Simulated on lognormal seeds it covers 95 to 99 %, and 89 to 93 % where errors of log-sd 1 go together "
    "closely.",
    "An interval of what has a range ends with it: shares and probabilities at 0 and 1, errors and divergences at 0; it "
    "covers what it covered before. Seeds that all agree have an interval of no width.",
)
_PAIRS = (
    "Regimes are compared in pairs that share task, model, settings and seed (initial weights, data, order and coins), on the "
    "scale of the measure: as a ratio (t test of logarithms) for errors on a ratio scale, as a difference otherwise, over the "
    "steps at which both runs are defined. p is that of Student's paired t test, corrected by Holm over a declared family: the "
    "headlines of all tasks, running free, and apart from them those forced, and those of each other measure. The interval of "
    "a comparison is that of the same test at the level at which Holm decided it. A verdict is one of four words: better or "
    "worse, where that interval excludes no change; equivalent, where the interval at the level of the whole family lies "
    "within the margin; else not distinguished. The margin is {margin:g} %: a factor of {factor:g} for ratios, the same "
    "factor of the perplexity for cross-entropies, {margin:g} % of the baseline's mean for any other number. Over the "
    "headlines of a task, better means better by one at least and worse by none."
)
_BESIDE = (
    "g is the mean difference in standard deviations of the differences without its bias (Hedges 1981), "
    "\N{GREEK SMALL LETTER DELTA} Cliff's delta (1: every run is better than every one of the baseline), both positive where "
    "the regime is better. Sign flips (exact up to 16 pairs) stand beside p and decide nothing."
)
_COUNTS = (
    "Simulated through this report (results/bench/verdicts), studies without a difference have a false verdict in at most 6 % "
    "for normal, lognormal, bounded and tied seeds at n = 5, 10 and 20; with outliers in a tenth of the seeds verdicts are "
    "rarer than they could be, not more often false.",
    "Improved is the probability that a seed does better than under the baseline, with its Clopper-Pearson interval.",
    "Diverged and failed runs have no errors to average; they are counted beside every mean, with the Clopper-Pearson interval "
    "of their share, and are worse than any other run in Improved, in \N{GREEK SMALL LETTER DELTA} and in ranks.",
)
_NOT_SETTINGS = {"run", "study", "seed", "status", "reason", *MADE_BY}


def finish(curves: pd.DataFrame, runs: pd.DataFrame) -> dict[str, Any]:
    """How much the validation losses, averaged over seeds, still moved while the learning rate could move them.

    Looked at is the last tenth of the updates at which the rate was at least half of its peak: with a rate that falls to 0
    every loss is flat in the end, finished or not. It begins at the last logged point at or before it; where points are few it
    is longer, and said to be.

    Args:
        curves: training curves with the labels of conditions.
        runs: the runs with the same labels and their settings.

    Returns:
        `sentence`, and `rows`: task, model, method, the updates from and to which it was, and the relative change of the forced
        and of the free loss.
    """
    rows = curves[curves["quantity"].isin(list(QUANTITIES)) & curves["value"].notna()]
    means = rows.groupby([*CELL, "quantity", "update"], observed=True, sort=True)["value"].mean()
    grouped = means.groupby(level=[*CELL, "quantity"], observed=True, sort=True)
    names, ends = [*CELL, "quantity"], _high_until(runs)
    found = []
    for _, each in grouped:
        key = dict(zip(names, each.index[0], strict=False))
        found.append({**key, **_moved(each, ends.get(tuple(str(key[name]) for name in CELL)))})
    moved = pd.DataFrame(found, columns=[*names, "change", "first", "last"]).dropna()
    if moved.empty:
        return {"sentence": "It cannot be said: no training curve has two points at a learning rate that is known.", "rows": []}
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


def _high_until(runs: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """The last update of each condition at which the learning rate was at least half of its peak, as far as that is known."""
    if not {"training.updates", "training.decay"} <= set(runs.columns):
        return {}
    ends: dict[tuple[str, ...], float] = {}
    for row in runs.drop_duplicates(CELL).to_dict("records"):
        updates, decay = row["training.updates"], row["training.decay"]
        if pd.notna(updates) and decay in {each.value for each in Decay}:
            high = [update for update in range(int(updates)) if factor(Decay(decay), update, int(updates)) >= HIGH]
            ends[tuple(str(row[name]) for name in CELL)] = float(max(high, default=0))
    return ends


def settings(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """Every setting with its values over the runs of the study."""
    found = []
    for name in runs.columns:
        if name not in _NOT_SETTINGS and name not in (*CELL, "regime_label", "setting") and not name.startswith("version."):
            values = runs[name].dropna()
            if len(values):
                found.append((str(name), ", ".join(dict.fromkeys(_value(value) for value in values))))
    return found


def statistics(table: pd.DataFrame, margin: float) -> str:
    """The statistics that were used, for the method section.

    Args:
        table: what `summary_table.full` gives.
        margin: of the study.
    """
    n = int(table["n"].max()) if len(table) else 0
    smallest = f" With n = {n} they cannot give less than {number(smallest_p(n))}." if n >= FEWEST else ""
    pairs = _PAIRS.format(margin=100 * margin, factor=1 + margin)
    return " ".join([*_INTERVALS, pairs, _BESIDE + smallest, *_COUNTS])


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


def _moved(values: pd.Series, high_until: float | None) -> dict[str, float]:
    """The relative change over the tail of the updates at a high rate, with the updates from and to which it is."""
    if high_until is None:
        return {}
    updates = values.index.get_level_values("update").to_numpy()
    within = np.flatnonzero(updates <= high_until)
    if len(within) < 2:
        return {}
    last = within[-1]
    before = np.flatnonzero(updates <= (1 - TAIL) * updates[last])
    if not len(before) or values.iloc[before[-1]] == 0:
        return {}
    change = float(values.iloc[last] / values.iloc[before[-1]] - 1)
    return {"change": change, "first": float(updates[before[-1]]), "last": float(updates[last])}


def _finished(wide: pd.DataFrame) -> str:
    """Whether the losses had settled before the learning rate fell, where that can be told."""
    fine, coarse = wide[wide["span"] <= COARSE], wide[wide["span"] > COARSE]
    said = []
    if len(fine):
        settled = int((fine[["forced", "free"]].abs().max(axis=1) <= SETTLED).sum())
        parts = list(dict.fromkeys(_per_cent(span) for span in (fine["span"].min(), fine["span"].max())))
        said.append(
            f"Over the last {' to '.join(parts)} of the updates at which the learning rate was at least half of its peak, the "
            f"validation loss, forced and free, moved by less than {_per_cent(SETTLED)} in {settled} of {len(fine)} "
            f"conditions. {_worst(fine)} What it does after that says nothing: a rate that falls to 0 settles any loss."
        )
    if len(coarse):
        top = coarse.iloc[int(np.argmax(coarse["span"].to_numpy()))]
        said.append(
            f"In {len(coarse)} of {len(wide)} conditions too few points were logged to tell whether training had settled: no "
            f"more is known than the change from update {top['first']:.0f} to {top['last']:.0f}, over "
            f"{_per_cent(top['span'])} of the updates at a high rate (a smaller training.log_every tells more)."
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
