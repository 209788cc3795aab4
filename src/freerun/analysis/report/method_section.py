"""Section on the method: settings, statistics, convergence, lost runs, cost and provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import FEWEST, STATUSES
from freerun.analysis.inference.power import smallest_p
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import number
from freerun.analysis.report.section import Block, Grid, Section
from freerun.analysis.tables.run_table import MADE_BY
from freerun.store import training_time

_INTERVALS = (
    "The seed is the unit of replication; windows and steps are not.",
    "Intervals are 95 % over seeds: Student t below 20 seeds, BCa bootstraps (Efron 1987, expanded after Hesterberg 2015) from "
    "20 on; below three seeds none is given.",
    "Levels of errors on a ratio scale (RMSE, squared error) are geometric means with intervals on the logarithm; their "
    "gap is the difference of the two levels, with an interval from theirs and from their correlation over seeds (MOVER, "
    "Zou et al. 2009). Simulated on lognormal seeds it covers 95 to 99 %, and 89 to 93 % where errors of log-sd 1 are closely "
    "correlated.",
    "Intervals end where the range of a measure ends: shares and probabilities at 0 and 1, errors and divergences at 0, which "
    "changes nothing in what they cover. Where all seeds agree the interval has no width.",
)
_PAIRS = (
    "Regimes are compared in pairs that share task, model, settings and seed (initial weights, data, order and coins), over "
    "the steps at which both runs are defined: as a ratio (t test of logarithms) for errors on a ratio scale, as a difference "
    "otherwise. p is that of Student's paired t test, corrected by Holm within a "
    "declared family: the headlines of all tasks running free are one, the same headlines forced another, and every other "
    "measure has its own. The interval of a comparison is that of the same test at the level at which Holm decided it. A "
    "verdict is one of four words: equivalent, where the interval at the level of the whole family lies within the margin, "
    "even if it excludes no change; else better or worse, where the interval excludes no change; else not distinguished. The "
    "margin is {margin:g} %: a factor "
    "of {factor:g} for ratios, the same factor of the perplexity for cross-entropies, {margin:g} % of the baseline's mean "
    "for any other number. Over the headlines of a task, better means better by at least one and worse by none."
)
_BESIDE = (
    "Size is the mean difference in standard deviations of the differences, corrected for its bias (Hedges' g, 1981), "
    "Order Cliff's delta (1: every run is better than every one of the baseline), both positive where "
    "the regime is better. Sign flips (exact up to 16 pairs) are shown beside p, and decide only where "
    "all seeds lie at the ends of a measure, or at two levels far apart: of the two p the larger one counts there, for "
    "Student's t is not exact."
)
_COUNTS = (
    "Simulated (results/bench/verdicts), at most 6 % of studies without a difference have a false verdict, and single 95 % "
    "intervals hold the true change in 94 to 96 %, for normal, lognormal, bounded and tied seeds at n = 5, 10 and 20. With "
    "outliers in a tenth of the seeds intervals hold it in up to 98 %, and some real differences are missed, as of "
    "seeds that learn everything or nothing. Where the seeds that do worst are "
    "lost, intervals are of what is left and hold the change in 73 to 93 %, and no word rests on them.",
    "Improved is the probability that a seed does better than under the baseline, with its Clopper-Pearson interval.",
    "Diverged and failed runs have no errors to average; they are counted beside every mean, with the Clopper-Pearson interval "
    "of their share, and are worse than any other run in Improved, in Order and in ranks.",
)
_NOT_SETTINGS = {"run", "study", "seed", "status", "reason", *MADE_BY}


_MEASURED = (
    "Every model is trained under a regime that decides what is fed back, the truth or its own output, and then measured "
    "on the same sequences in two modes after the same forced warm-up: forced (the truth is fed) and free (its own output "
    "is fed). The exposure gap at a step is free minus forced on the same split. Steps count from the release: at step 1 "
    "both modes have seen the same history."
)


def section(material: Material, table: pd.DataFrame, notes: Sequence[str]) -> Section:
    """How it was measured and tested, what was set, and which runs have no result.

    Args:
        material: of the study.
        table: what `summary_table.full` gives.
        notes: on the user's own data.
    """
    said = f"{statistics(table, material.margin)} {material.said_copies()}".strip()
    grids = [Grid(title="Settings", head=("Setting", "Values"), rows=settings(material.runs))]
    if gone := lost(material.runs):
        head = ("Task", "Model", "Regime", "Seed", "Run", "Status", "Reason")
        grids.append(Grid(title="Runs without a result", head=head, rows=[list(row.values()) for row in gone]))
    blocks = [Block(title="Data", points=notes)] if notes else []
    return Section(title="Method", sentences=[_MEASURED, said], blocks=blocks, tables=grids)


def provenance_section(runs: pd.DataFrame, cost: Cost | None, study_info: Mapping[str, Any]) -> Section:
    """How the study was made."""
    return Section(title="Provenance", tables=[Grid(title="", head=("Of", "Value"), rows=provenance(runs, cost, study_info))])


def settings(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """Every setting with its values over the runs of the study."""
    rows = []
    for name in runs.columns:
        if name not in _NOT_SETTINGS and name not in (*CELL, "regime_label", "setting") and not name.startswith("version."):
            values = runs[name].dropna()
            if len(values):
                rows.append((str(name), ", ".join(dict.fromkeys(_value(value) for value in values))))
    return rows


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


def data(trained: Sequence[training_time.Run]) -> list[str]:
    """What was taken of the user's own data and what was left out, a line each, from the `provenance` of the records."""
    return list(dict.fromkeys(str(note) for _, record in trained for note in record.get("notes") or ()))


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


def cost(trained: Sequence[training_time.Run]) -> Cost:
    """The time that runs took, from their experiments and the `provenance` of their records."""
    made = [provenance for _, provenance in trained]
    return Cost(
        training_seconds=training_time.seconds(trained),
        evaluation_seconds=sum(float(record.get("evaluation_seconds") or 0) for record in made),
        finished=max((str(record.get("finished") or "") for record in made), default=""),
    )


def provenance(runs: pd.DataFrame, cost: Cost | None, study_info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the study was made, as pairs of a name and its value; without what it took where that is not known."""
    tally = runs["status"].value_counts()
    became = ", ".join(f"{int(tally[status])} {status}" for status in STATUSES if status in tally)
    pairs = [("Command", str(study_info.get("command") or "")), ("Last run ended", cost.finished if cost else "")]
    overrides = study_info.get("overrides") or ()
    pairs.append(("Overrides", overrides if isinstance(overrides, str) else " ".join(str(override) for override in overrides)))
    pairs.append(("Runs", f"{len(runs)} ({became})"))
    if cost:
        took = f"{_duration(cost.training_seconds)} summed over runs, evaluation {_duration(cost.evaluation_seconds)}"
        pairs.append(("Training time", took))
    pairs += [(name.removeprefix("version."), _unique(runs[name])) for name in runs.columns if name.startswith("version.")]
    pairs += [
        (name.capitalize(), _unique(runs[name]))
        for name in ("commit", "machine", "processor", "arithmetic", "engine", "device", "threads")
        if name in runs
    ]
    pairs.append(("Data sets", f"{runs['data'].nunique()}, each identified by its SHA-256 (column data of runs.csv)"))
    return [(name, value) for name, value in pairs if value]


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unique(values: pd.Series) -> str:
    return ", ".join(dict.fromkeys(_value(value) for value in values.dropna()))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
