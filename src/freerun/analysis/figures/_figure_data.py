"""Data of a figure: the frames with the labels of their conditions, and the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.figures._looks import Look, looks_of_study
from freerun.analysis.figures._venues import Paper
from freerun.analysis.inference.confidence_intervals import counts
from freerun.analysis.inference.equal_gradients import copies, without
from freerun.analysis.inference.equivalence import MARGIN
from freerun.analysis.inference.player_levels import method_levels, placed, player_levels
from freerun.analysis.inference.replicates import CELL, annotated, chosen, conditions
from freerun.analysis.tables import gap
from freerun.analysis.tables.quantities import Quantities
from freerun.analysis.tables.tidy import Tables
from freerun.store.record_types import HELD_OUT

#: What stands in a figure where runs are lost, before their number.
LOST_MARK = "\N{MULTIPLICATION SIGN}"
#: Of so many conditions a caption tells one by one how many runs are lost.
_TOLD = 6


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one run shows of its free rollout, with its condition."""

    run: str
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
        primary: the measure of both modes that tables and figures show of each task, by the task's label, its one-step error
            or the first of its headlines; of a task without a measure of both modes there is none.
        forecasts: the error of each task's free forecast against what came, by the task's label, where there is one on a ratio
            scale by lead time: the error that can accumulate.
        headlines: the set of measures by which each task is judged, by the task's label: errors of the free rollout, and
            comparisons of it with the forced one or the true system; the primary measure where no headline was measured.
        quantities: what the values mean.
        players: the reference players with the label of their task (`analysis.inference.player_levels.placed`).
        samples: of each kind, one a condition: of the smallest seed that has one.
        looks: the `colour` and the `marker` of each method, by its label: those that it has in the whole study, whichever of
            its runs these are.
        repeated: the runs that are left out, since they repeat another one (`analysis.inference.copies`).
        margin: the change that is held for none, as `analysis.inference.equivalence` takes it.
        tables: the frames themselves.
        chosen: the settings of its own of each condition in words, by the columns of `CELL`: what was chosen for it.
        labels: what was renamed, new labels by old ones (`_renaming.renamed`).
        paper: that figures are drawn for.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    steps: pd.DataFrame
    whole: pd.DataFrame
    compared: pd.DataFrame
    tables: Tables
    primary: dict[str, str]
    forecasts: dict[str, str]
    headlines: dict[str, tuple[str, ...]]
    quantities: Quantities
    players: pd.DataFrame
    samples: dict[str, list[Sample]]
    looks: dict[str, Look]
    margin: float = MARGIN
    repeated: dict[str, str] = field(default_factory=dict)
    chosen: dict[tuple[str, str, str], str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    paper: Paper = field(default_factory=Paper)

    @property
    def shown(self) -> dict[str, str]:
        """The measure that stands for each task: its `primary` one; of a task with comparisons alone its first headline."""
        return {task: names[0] for task, names in self.headlines.items()} | self.primary

    @property
    def tuned(self) -> Mapping[str, Any] | None:
        """How the methods were tuned, as in `Tables`."""
        return self.tables.tuned

    @property
    def own_settings(self) -> tuple[str, ...]:
        """The settings of which each method has a value of its own, as in `Tables`."""
        return self.tables.own_settings

    @classmethod
    def of(cls, tables: Tables, samples: Mapping[str, dict[str, Any]]) -> Material:
        """The material of some tables and samples; runs that repeat another one are left out, and told by `said_copies`."""
        repeated = copies(tables)
        players = placed(tables.players, tables.runs, conditions(tables.runs))
        every_run = tables.runs if tables.whole is None else tables.whole
        tables = without(tables, repeated)
        own_settings = tables.own_settings
        labels, quantities = conditions(tables.runs, own_settings), Quantities(tables.quantities)
        test = tables.gaps[tables.gaps["split"].isin(HELD_OUT)]
        whole = annotated(gap.over_horizon(test, quantities), labels)
        curves = annotated(tables.curves, labels)
        runs = annotated(tables.runs[tables.runs["task"].notna()], labels)
        measured = whole[["task_label", "task", "metric"]].astype("str").drop_duplicates()
        compared = annotated(tables.compared[tables.compared["split"].isin(HELD_OUT)], labels)
        beside = compared[["task_label", "task", "metric"]].astype("str").drop_duplicates()
        series = pd.concat([measured, beside], ignore_index=True)
        primary = {
            str(label): quantities.first_shown(rows["task"].unique(), list(dict.fromkeys(rows["metric"])))
            for label, rows in _in_order(measured, whole)
        }
        own = {label: (name,) for label, name in primary.items()}
        heads = [
            (label, quantities.headlines(rows["task"].unique(), list(dict.fromkeys(rows["metric"]))) or own.get(label, ()))
            for label, rows in _in_order(series, whole)
        ]
        steps = annotated(gap.exposure_gap(test), labels)
        by_lead = steps.loc[steps["step"] >= 1, ["task_label", "task", "metric"]].astype("str").drop_duplicates()
        forecasts = {
            label: quantities.accumulating(rows["task"].unique(), list(dict.fromkeys(rows["metric"])))
            for label, rows in _in_order(by_lead, whole)
        }
        return cls(
            runs=runs,
            curves=curves.assign(task=tables.runs.set_index("run")["task"].reindex(curves["run"].astype("str")).to_numpy()),
            steps=steps,
            whole=whole,
            compared=compared,
            tables=tables,
            primary=primary,
            forecasts={label: name for label, name in forecasts.items() if name is not None},
            headlines={label: names for label, names in heads if names},
            quantities=quantities,
            players=players,
            samples=_first(runs, samples),
            looks=looks_of_study(labels, labels if every_run is tables.runs else conditions(every_run, own_settings)),
            margin=MARGIN if tables.margin is None else tables.margin,
            repeated=repeated,
            chosen=chosen(runs, own_settings),
        )

    def levels(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """`steps` and `whole` with the headlines that are comparisons among them, each as a level of the free rollout alone."""
        heads = {name for names in self.headlines.values() for name in names}
        beside = self.compared[self.compared["metric"].isin(heads)].rename(columns={"value": "free"})
        alone = beside.drop(columns=["low", "high"]).assign(forced=np.nan, gap=np.nan)
        numbers = {"forced", "free", "gap", "steps", "horizon"}
        keys = [name for name in self.whole.columns if name in alone and name not in numbers]
        grouped = alone.groupby(keys, observed=True, sort=False, dropna=False)["free"]
        over = grouped.mean().reset_index().assign(forced=np.nan, gap=np.nan, steps=grouped.count().to_numpy())
        over = over.assign(horizon=over["steps"])
        return _joined(self.steps, alone), _joined(self.whole, over)

    def of_split(self, text: str) -> str:
        """A caption or a note with the sequences that were really measured in the place of "test sequences"."""
        known, (usual, *_) = self.runs.get("evaluation.split"), HELD_OUT
        splits = {usual} if known is None or known.empty else set(known.astype("object").fillna(usual).astype("str"))
        measured = " or ".join(split for split in HELD_OUT if split in splits)
        return text.replace("test sequences", f"{measured} sequences")

    @cached_property
    def levels_of_players(self) -> pd.DataFrame:
        """What `player_levels` gives by the headlines of every task."""
        return player_levels(self.players, self.headlines, self.quantities)

    @cached_property
    def levels_of_methods(self) -> pd.DataFrame:
        """What `method_levels` gives by the headlines of every task."""
        return method_levels(self.whole, self.compared, self.headlines, self.quantities)

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
        lost_here = lost[lost["task_label"].isin(list(rows["task_label"].unique()))]
        return pd.concat([rows[CELL], lost_here[CELL]]).drop_duplicates()

    def models(self, rows: pd.DataFrame) -> int:
        """Most models that a figure of some rows has on one task."""
        seen = self.seen(rows)
        return int(seen.groupby("task_label", observed=True)["model_label"].nunique().max())

    def models_by_task(self, rows: pd.DataFrame) -> list[list[str]]:
        """The models that a figure of some rows has on each task."""
        of_tasks = self.seen(rows).groupby("task_label", observed=True)["model_label"]
        return [list(dict.fromkeys(models.astype(str))) for _, models in of_tasks]

    def said_lost(self) -> str:
        """The sentence on lost runs for every caption; "" where there are none."""
        lost = self.lost()
        if lost.empty:
            return ""
        by = CELL if len(lost) <= _TOLD else ["method"]
        table = lost.groupby(by, observed=True, sort=True)[["lost", "ended"]].sum().reset_index()
        parts = [
            f"{row['lost']} of {row['ended']} of {', '.join(str(row[name]) for name in by)}" for row in table.to_dict("records")
        ]
        return f"{LOST_MARK}: runs that diverged or failed and are left out of every mean ({'; '.join(parts)})."

    def said_copies(self) -> str:
        """The sentence on runs that repeat another one; "" where there are none."""
        if not self.repeated:
            return ""
        kept = " or ".join(f"gradient={value}" for value in dict.fromkeys(self.repeated.values()))
        return (
            f"{len(self.repeated)} runs are left out: they equal those of {kept} to the bit, since there is no gradient to cut."
        )

    def reported(self, rows: pd.DataFrame) -> np.ndarray:
        """Whether each row of a frame is of a measure that reports and comparisons show, built-in or of a plugin.

        Of the task's own error, of a measure of the whole rollout, and of any other that is no mere diagnostic.
        """
        primary = rows["task_label"].astype(object).map(self.primary) == rows["metric"].astype(object)
        rollouts = self.steps.loc[self.steps["step"] == 0, "metric"].astype("str").unique()
        judged = self.quantities.where(rows, "part") != "diagnostic"
        return np.asarray(
            primary.to_numpy() | rows["metric"].astype("str").isin(list(rollouts)).to_numpy() | judged, dtype=bool
        )


#: The columns of the data behind a figure, as far as they are there, under their own names or those that they had.
_SHOWN = {
    "task_label": "task", "model_label": "model", "method": "method", "seed": "seed", "metric": "metric", "quantity": "metric",
    "unit": "unit", "update": "update", "step": "step", "forced": "forced", "free": "free", "gap": "gap", "floor": "floor",
    "form": "form", "value": "value",
}  # fmt: skip


def shown_values(frame: pd.DataFrame) -> pd.DataFrame:
    """The data behind a figure: the rows of a frame with its labels, measures and numbers as plain columns."""
    columns = {name: called for name, called in _SHOWN.items() if name in frame}
    table = frame[list(columns)].drop(columns=["task", "model"], errors="ignore").rename(columns=columns)
    texts = [name for name in table if isinstance(table[name].dtype, pd.CategoricalDtype)]
    return table.astype(dict.fromkeys(texts, "str")).reset_index(drop=True)


def _joined(frame: pd.DataFrame, added: pd.DataFrame) -> pd.DataFrame:
    """The rows of two frames with the columns of the first, categories in the order of the first."""
    if added.empty:
        return frame
    joined = pd.concat([frame, added[frame.columns]], ignore_index=True)
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.CategoricalDtype) and not isinstance(joined[name].dtype, pd.CategoricalDtype):
            known = [*frame[name].cat.categories, *added[name].astype(object).dropna().unique()]
            joined[name] = pd.Categorical(joined[name], categories=list(dict.fromkeys(known)), ordered=frame[name].cat.ordered)
    return joined


def _in_order(measured: pd.DataFrame, whole: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """What was measured on each task, in the order of the tasks."""
    for task in whole["task_label"].cat.categories:
        if len(rows := measured[measured["task_label"] == task]):
            yield str(task), rows


def _first(runs: pd.DataFrame, samples: Mapping[str, dict[str, Any]]) -> dict[str, list[Sample]]:
    samples_of: dict[str, list[Sample]] = {}
    shown = runs[runs["run"].isin(list(samples))].sort_values("seed", kind="stable").drop_duplicates(CELL).sort_values(CELL)
    for row in shown[["run", "seed", *CELL]].itertuples(index=False):
        run, seed, *names = row
        task, model, method = (str(name) for name in names)
        content = samples[str(run)]
        sample = Sample(run=str(run), task=task, model=model, method=method, seed=int(str(seed)), content=content)
        samples_of.setdefault(str(content.get("kind")), []).append(sample)
    return samples_of
