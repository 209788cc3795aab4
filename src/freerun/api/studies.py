"""Studies in Python: a study that was run is loaded by its name, narrowed, tabulated, drawn, compared, and gives its runs.

study = freerun.load("first_look")
study.select(model="gru", task="lorenz63").summary()
study.figure("error_over_lead_lorenz63").savefig("error.pdf")
run = study.run(task="text", model="gru", regime="teacher_forcing", seed=0)
run.model().generate(3, 200, prefix="The ")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from freerun.analysis import figures, outputs
from freerun.analysis.figures import Material
from freerun.analysis.report import comparison, summary
from freerun.analysis.tables import selection, tidy
from freerun.api.trained_runs import TrainedRun
from freerun.errors import ConfigError
from freerun.io.text import brief
from freerun.store.results_folder import Place, read_info

if TYPE_CHECKING:
    from freerun.analysis.figures._style import StudyFigure


def load(name: str | Path, results: str | Path = "results") -> Study:
    """Return a study, sweep or search that was run before.

    Args:
        name: of the study, or the path of its folder.
        results: the folder of all results.

    Raises:
        ConfigError: if there is none.
        StoreError: if the folder cannot be used.
    """
    if Path(name).parent != Path():
        name, results = Path(name).name, Path(name).parent
    place = Place(results=Path(results))
    info = read_info(str(name), place, started=False)
    return Study(place=place, info=info, tables=outputs.tables_of(place, info))


@dataclass(frozen=True, kw_only=True, repr=False)
class Study:
    """Runs that were made under one name, or some of them; nothing is trained, and but for `compare` nothing is written.

    Attributes:
        place: where results are.
        info: the study as it was asked for.
        tables: the tidy frames, described in `freerun.analysis.tables.tidy.Tables`.
    """

    place: Place
    info: Mapping[str, Any]
    tables: tidy.Tables

    @property
    def name(self) -> str:
        """The name of the study."""
        return str(self.info["name"])

    @property
    def runs(self) -> pd.DataFrame:
        """One row a run: what it was, every setting, what became of it."""
        return self.tables.runs

    @property
    def curves(self) -> pd.DataFrame:
        """Training: run, update, quantity, value."""
        return self.tables.curves

    @property
    def gaps(self) -> pd.DataFrame:
        """Measurements, forced and free: run, ..., split, mode, metric, step, value, unit."""
        return self.tables.gaps

    @property
    def compared(self) -> pd.DataFrame:
        """Measures that set the free rollout beside the forced one or beside the true system, with their intervals."""
        return self.tables.compared

    @property
    def players(self) -> pd.DataFrame:
        """Reference players on the same sequences."""
        return self.tables.players

    @property
    def budgets(self) -> pd.DataFrame:
        """The work of training of each run: updates, steps that were rolled out, products."""
        return self.tables.budgets

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[TrainedRun]:
        return (self._run(str(run)) for run in self.runs["run"])

    def __repr__(self) -> str:
        done = int((self.runs["status"] == "done").sum())
        axes = {name: [str(value) for value in self.runs[name].dropna().unique()] for name in ("task", "model", "regime")}
        lines = [f"{name:8}{', '.join(values)}" for name, values in axes.items()]
        return "\n".join([f"Study {self.name}: {len(self)} runs, {done} done", *lines])

    def select(self, settings: Mapping[str, Any] | None = None, /, **named: Any) -> Study:
        """Return the study of those runs that have these settings.

        Args:
            settings: columns of `runs` with dots in their names, ``{"training.lr": [1e-3, 1e-2]}``.
            named: columns of `runs`; a value, or a list of those that will do: ``model="gru", regime=["teacher_forcing"]``.

        Raises:
            ConfigError: if there is no such setting, or no run has it.
        """
        return replace(self, tables=selection.select(self.tables, {**(settings or {}), **named}))

    @cached_property
    def _material(self) -> Material:
        store, kept = self.place.store, set(self.runs["run"].astype(str))
        shown = tidy.samples(store, [run for run in self.info["ids"] if store.path(run).exists()])
        return Material.of(self.tables, {run: sample for run, sample in shown.items() if run in kept})

    def summary(self) -> pd.DataFrame:
        """The results in short, one row a condition: both levels, the gap with its interval, the counts."""
        frame: pd.DataFrame = summary(self.tables)[0]
        return frame

    @property
    def figures(self) -> list[str]:
        """The names of the figures that `figure` draws, with their captions below them in a report."""
        return [drawn.name for drawn, _ in figures.draw(self._material, list(figures.parts()))]

    def figure(
        self,
        name: str,
        *,
        select: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        width: str | float | None = None,
        style: str | Path | None = None,
    ) -> StudyFigure:
        """Return a figure of these runs, by default as it stands in the report of a study of them.

        Args:
            name: of the figure.
            select: as `settings` of the method `select`: the figure is of those runs.
            labels: new labels of tasks, models, methods and measures by those that figures show.
            width: "column", "page", or inches; None for what the panels need.
            style: "plain", "neurips", "icml", or the path of a matplotlib style file; None for plain.

        Returns:
            A matplotlib figure, with its `caption` and the `data` that it shows.

        Raises:
            ConfigError: if there is none of this name for these runs, or an option has no such value.
        """
        of = self.select(select) if select else self
        return figures.one(figures.prepared(of._material, labels, figures.paper(style, width)), name)

    def compare(self, a: str, b: str) -> comparison.Comparison:
        """Return how two choices of settings compare, condition by condition; it is also written to the study's folder.

        Args:
            a, b: a regime, a model or an objective by name, or settings, ``"training.lr=0.01"``.

        Raises:
            ConfigError: if there are no such runs, or no condition of one side has a partner.
            StoreError: if the disk refuses.
        """
        folder = self.place.folder(self.name)
        with outputs.writing(folder):
            return comparison.in_study(a, b, self.tables, folder)

    def run(self, identity: str | None = None, /, **named: Any) -> TrainedRun:
        """Return one run: that of an identity (or of its beginning), or the only one that has these settings.

        Args:
            identity: from the column `run`.
            named: as for `select`.

        Raises:
            ConfigError: if there is none, or more than one.
        """
        ids = [str(run) for run in (self.select(**named) if named else self).runs["run"]]
        found = [run for run in ids if identity is None or run.startswith(identity)]
        if len(found) != 1:
            asked = identity or ", ".join(f"{name}={value}" for name, value in named.items())
            raise ConfigError(f"run {brief(asked)}: {len(found)} of {len(self)} runs; select one by its settings and its seed")
        return self._run(found[0])

    def _run(self, run: str) -> TrainedRun:
        row = self.runs[self.runs["run"] == run]
        of = selection.some(self.tables, row)
        planned: Mapping[str, Any] = self.info["planned"]
        (identity,) = [one for one in planned if one == run or one.startswith(f"{run}-")]
        return TrainedRun(id=run, tree=planned[identity], store=self.place.store, tables=of)
