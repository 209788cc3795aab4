"""Data of a figure: the frames with the labels of their conditions, and the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.inference.confidence_intervals import counts
from freerun.analysis.inference.copies import copies, without
from freerun.analysis.inference.equivalence import MARGIN
from freerun.analysis.inference.player_levels import placed
from freerun.analysis.inference.replicates import CELL, annotated, conditions
from freerun.analysis.tables import gap
from freerun.analysis.tables.quantities import Quantities
from freerun.analysis.tables.tidy import Tables

#: What stands in a figure where runs are lost, before their number.
LOST_MARK = "\N{MULTIPLICATION SIGN}"
#: Of so many conditions a caption tells one by one how many runs are lost.
_TOLD = 6


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one run shows of its free rollout, with its condition."""

    task: str
    model: str
    method: str
    seed: int
    content: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Material:
    """The frames of a study, every row with the labels of its condition.

    Attributes:
        runs, curves: as in `Tables`.
        steps: the exposure gap for each step on the test split, with both levels.
        whole: the same over the horizon, one row a run and metric.
        compared: the measures of both modes side by side on the test split.
        primary: the first of the headlines of each task, by the task's label: the error that tables and figures show.
        headlines: the set of measures by which each task is judged, by the task's label: errors of the free rollout, and
            comparisons of it with the forced one or the true system.
        quantities: what the values mean.
        players: the reference players with the label of their task (`analysis.inference.player_levels.placed`).
        samples: of each kind, one a condition: of the smallest seed that has one.
        repeated: the runs that are left out, since they repeat another one (`analysis.inference.copies`).
        margin: the change that is held for none, as `analysis.inference.equivalence` takes it.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    steps: pd.DataFrame
    whole: pd.DataFrame
    compared: pd.DataFrame
    primary: dict[str, str]
    headlines: dict[str, tuple[str, ...]]
    quantities: Quantities
    players: pd.DataFrame
    samples: dict[str, list[Sample]]
    margin: float = MARGIN
    repeated: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Tables, samples: Mapping[str, dict[str, Any]]) -> Material:
        """The material of some tables and samples; runs that repeat another one are left out, and told by `said_copies`."""
        repeated = copies(tables)
        players = placed(tables.players, tables.runs, conditions(tables.runs))
        tables = without(tables, repeated)
        labels, quantities = conditions(tables.runs), Quantities(tables.quantities)
        test = tables.gaps[tables.gaps["split"] == "test"]
        whole = annotated(gap.over_horizon(test, quantities), labels)
        curves = annotated(tables.curves, labels)
        runs = annotated(tables.runs[tables.runs["task"].notna()], labels)
        measured = whole[["task_label", "task", "metric"]].astype("str").drop_duplicates()
        compared = annotated(tables.compared[tables.compared["split"] == "test"], labels)
        beside = compared[["task_label", "task", "metric"]].astype("str").drop_duplicates()
        every = pd.concat([measured, beside], ignore_index=True)
        primary = {
            str(label): quantities.headline(rows["task"].unique(), list(dict.fromkeys(rows["metric"])))
            for label, rows in _in_order(measured, whole)
        }
        return cls(
            runs=runs,
            curves=curves.assign(task=tables.runs.set_index("run")["task"].reindex(curves["run"].astype("str")).to_numpy()),
            steps=annotated(gap.exposure_gap(test), labels),
            whole=whole,
            compared=compared,
            primary=primary,
            headlines={
                label: quantities.headlines(rows["task"].unique(), list(dict.fromkeys(rows["metric"]))) or (primary[label],)
                for label, rows in _in_order(every, whole)
            },
            quantities=quantities,
            players=players,
            samples=_first(runs, samples),
            margin=MARGIN if tables.margin is None else tables.margin,
            repeated=repeated,
        )

    def methods(self) -> list[str]:
        """The labels of all methods of the study, in order."""
        return list(self.runs["method"].cat.categories)

    def lost(self) -> pd.DataFrame:
        """The conditions that lost runs: `CELL`, `lost` (how many diverged or failed) and `ended` (of how many)."""
        table = counts(self.runs, CELL)
        table = table.assign(lost=table["diverged"] + table["failed"], ended=table["runs"] - table["pending"])
        return table.loc[table["lost"] > 0, [*CELL, "lost", "ended"]].reset_index(drop=True)

    def seen(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The conditions that a figure of some rows shows: those of the rows, and those of their tasks that lost every run."""
        lost = self.lost()
        own = lost[lost["task_label"].isin(list(rows["task_label"].unique()))]
        return pd.concat([rows[CELL], own[CELL]]).drop_duplicates()

    def said_lost(self) -> str:
        """What every caption says of lost runs; nothing where there are none."""
        lost = self.lost()
        if lost.empty:
            return ""
        by = CELL if len(lost) <= _TOLD else ["method"]
        table = lost.groupby(by, observed=True, sort=True)[["lost", "ended"]].sum().reset_index()
        parts = [
            f"{row['lost']} of {row['ended']} of {', '.join(str(row[name]) for name in by)}" for row in table.to_dict("records")
        ]
        return f"{LOST_MARK}: runs that diverged or failed and are in no mean ({'; '.join(parts)})."

    def said_copies(self) -> str:
        """What is said of runs that repeat another one; nothing where there are none."""
        if not self.repeated:
            return ""
        kept = " or ".join(f"gradient={value}" for value in dict.fromkeys(self.repeated.values()))
        return (
            f"{len(self.repeated)} runs are left out: every bit of them is that of {kept}, where no gradient flows to be cut."
        )

    def reported(self, rows: pd.DataFrame) -> np.ndarray:
        """Which rows of a frame are of a measure that reports and comparisons show, whoever wrote it.

        Of the task's own error, of a measure of the whole rollout, and of any other that is no mere diagnostic.
        """
        own = rows["task_label"].astype(object).map(self.primary) == rows["metric"].astype(object)
        rollouts = self.steps.loc[self.steps["step"] == 0, "metric"].astype("str").unique()
        judged = self.quantities.where(rows, "part") != "diagnostic"
        return np.asarray(own.to_numpy() | rows["metric"].astype("str").isin(list(rollouts)).to_numpy() | judged, dtype=bool)


def _in_order(measured: pd.DataFrame, whole: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """What was measured on each task, in the order of the tasks."""
    for task in whole["task_label"].cat.categories:
        if len(rows := measured[measured["task_label"] == task]):
            yield str(task), rows


def _first(runs: pd.DataFrame, samples: Mapping[str, dict[str, Any]]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    shown = runs[runs["run"].isin(list(samples))].sort_values("seed", kind="stable").drop_duplicates(CELL).sort_values(CELL)
    for row in shown[["run", "seed", *CELL]].itertuples(index=False):
        run, seed, *names = row
        task, model, method = (str(name) for name in names)
        content = samples[str(run)]
        sample = Sample(task=task, model=model, method=method, seed=int(str(seed)), content=content)
        found.setdefault(str(content.get("kind")), []).append(sample)
    return found
