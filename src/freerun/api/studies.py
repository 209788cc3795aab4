"""Studies in Python: planned, trained, extended, narrowed, tabulated, drawn, compared and reported; each gives its runs.

study = freerun.load("first_look")                                    # one that was run
study.select(model="gru", task="lorenz63").summary()
run = study.run(task="text", model="gru", regime="teacher_forcing", seed=0)
run.model().generate(3, 200, prefix="The ")
Study([Experiment(task="lorenz63", model="gru")], name="mine").train()    # one of its own
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from freerun.analysis import figures, outputs
from freerun.analysis.figures import Material
from freerun.analysis.report import comparison, exposure_gap, paper_table, summary
from freerun.analysis.tables import selection, tidy
from freerun.api import launching, live_logs
from freerun.api.report_page import ReportPage
from freerun.api.trained_runs import TrainedRun
from freerun.config.experiment import Experiment
from freerun.errors import ConfigError, OutOfTime, refused
from freerun.io import html
from freerun.io.text import brief
from freerun.io.writing import demand_own, write_atomic
from freerun.store.results_folder import Place, make_way, read_info, write_info
from freerun.sweeps import experiment_file, named_sweep, remeasurement, sweep
from freerun.sweeps import study as studies
from freerun.sweeps.search import tuned_study
from freerun.sweeps.study_plan import StudyPlan, study_plan

if TYPE_CHECKING:
    from freerun.analysis.figures._style import StudyFigure
    from freerun.execution.launchers import Launcher

    Asked = str | Path | Experiment | Iterable[Experiment]


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
    return Study._of(place, read_info(str(name), place, started=False))


class Study:
    """Runs under one name, done or still to be done, or some of them.

    Making one trains and writes nothing; `train`, `measure`, `compare` and `report` do.

    Args:
        asked: an experiment, or several; the name of a study of the configuration or of a sweep that was run; the path of a
            YAML file of a study, or of experiments as ``--cfg job`` prints them.
        settings: what replaces or adds an axis, by dotted key: ``{"training.updates": 500, "model.hidden": [32, 64]}``; not
            where experiments are given themselves.
        name: of the results; None for that which it has, or for the hash of its runs.
        title, question: for the report, where they are given.
        tune: how its methods are tuned before they are run, as `tune:` of a study file says it (docs/search.md).
        results: the folder of all results.
        named: settings whose names have no dots: ``seed=range(10)``.

    Attributes:
        place: where results are.
        info: the study as it is asked for.

    Raises:
        ConfigError: in one line, for anything that is wrong with it.
    """

    place: Place
    info: Mapping[str, Any]
    _planned: studies.Study | None
    _narrowed: tidy.Tables | None

    def __init__(
        self, asked: Asked, settings: Mapping[str, Any] | None = None, /, *, name: str | None = None, title: str = "",
        question: str = "", tune: Mapping[str, Any] | None = None, results: str | Path = "results", **named: Any,
    ) -> None:  # fmt: skip
        self.place, self._narrowed = Place(results=Path(results)), None
        words = studies.words({**(settings or {}), **named})
        if not isinstance(asked, (str, Path)):
            if words or tune is not None:
                wrong = words[0] if words else "tune"
                raise ConfigError(
                    f"Study {brief(wrong)}: is for the name or the file of a study; experiments say it themselves"
                )
            planned = studies.of_experiments(launching.experiments(asked), name)
        elif experiment_file.holds_experiments(str(asked)):
            planned = studies.adhoc(words, sweep=True, alias=name or Path(asked).stem, file=str(asked))
        else:
            planned = named_sweep.asked(str(asked), words, name, self.place)
            figures.demand(planned.figures or [])
        planned = replace(planned, title=title or planned.title, question=question or planned.question)
        self._planned = planned if tune is None else replace(planned, tune=dict(tune))
        self.info = self._planned.info()

    @classmethod
    def _of(cls, place: Place, info: Mapping[str, Any], narrowed: tidy.Tables | None = None) -> Study:
        """Return the study that a folder holds, or some of its runs, whose tables are then given."""
        study = cls.__new__(cls)
        study.place, study.info, study._planned, study._narrowed = place, info, None, narrowed
        return study

    @cached_property
    def tables(self) -> tidy.Tables:
        """The tidy frames, described in `freerun.analysis.tables.tidy.Tables`."""
        return outputs.Products(place=self.place, info=dict(self.info)).frames if self._narrowed is None else self._narrowed

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

    @property
    def experiments(self) -> list[Experiment]:
        """The experiments of these runs, as they can be run again.

        Raises:
            ConfigError: if a part is missing or has changed.
        """
        if self._planned is not None:
            return [run.experiment for run in self._planned.runs]
        return [run.experiment for run in self]

    def _axes(self) -> dict[str, list[str]]:
        """What these runs are of, by axis."""
        return {name: [str(value) for value in self.runs[name].dropna().unique()] for name in ("task", "model", "regime")}

    def _title(self) -> str:
        states = self.runs["status"].value_counts()
        done = states.get("done", 0)
        ends = [f"{states[state]} {state}" for state in ("diverged", "failed", "pending") if state in states]
        return f"Study {self.name}: {len(self)} runs, {', '.join([f'{done} done', *ends])}"

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"{name:8}{', '.join(values)}" for name, values in self._axes().items())])

    def _repr_html_(self) -> str:
        rows = [(name, ", ".join(values)) for name, values in self._axes().items()]
        shown = self.summary().drop(columns=["log", "diverged", "failed", "pending"])
        results = (
            shown.to_html(index=False, na_rep="", float_format="{:.4g}".format) if (self.runs["status"] == "done").any() else ""
        )
        return html.titled(self._title(), html.table((), rows) + results)

    def plan(self, launcher: Launcher | str | None = None) -> StudyPlan:
        """Return what `train` would do: runs and groups, what is done, and the time and the memory that the rest will take.

        Args:
            launcher: as for `train`.

        Raises:
            ConfigError: if a part of a run is missing, or the launcher cannot do a run.
        """
        study, chosen = self._whole("plan"), launching.launcher(launcher)
        tuned = tuned_study.of(study)
        if tuned is None:
            return study_plan(study.name, study.runs, self.place.store, chosen)
        return study_plan(tuned.name, tuned.first(), self.place.store, chosen, study.runs)

    def train(
        self, launcher: Launcher | str | None = None, *, hours: float | None = None, replace: bool = False,
        log: str | None = None, callback: live_logs.Callback | None = None,
    ) -> Study:  # fmt: skip
        """Do what is missing, or has failed before, and return this study with its results.

        It can be interrupted: what is done is kept, and the same call goes on. Runs that fail are told of on standard error,
        and are rows with the status `failed`.

        Args:
            launcher: by which runs are done, or its name; ``Local(workers=4)`` of `freerun.execution.launchers.local`. None
                for this process, one group after the other.
            hours: after which no group is begun any more; what is left then is pending.
            replace: where the name has results of other runs, let their tables and figures go.
            log, callback: what follows the curves of each run while it trains, as for `freerun.run`.

        Raises:
            ConfigError: if results of other runs would be replaced, or the launcher cannot do a run.
            StoreError: if the folder for results cannot be used.
        """
        study, chosen = self._whole("train"), live_logs.watched(launching.launcher(launcher, hours=hours), log, callback)
        failed: dict[str, str] = {}
        try:
            if tuned := tuned_study.of(study):
                study, failed = tuned.run(self.place, chosen, replace=replace)
                sweep.settle(failed, self.place, tuned.name)
            failed = sweep.do(study, self.place, chosen, replace=replace)
        except OutOfTime as over:
            failed = over.failed
            print(f"note: {over}", file=sys.stderr)
        self._planned = study
        self.info = study.info()
        self.__dict__.pop("tables", None)
        self.__dict__.pop("_material", None)
        if failed:
            sweep.settle(failed, self.place, study.name)
        return self

    def extend(self, seed: Iterable[int] | int) -> Study:
        """Return a study of the same name whose every condition has further seeds, beside those that it has; not trained yet.

        Raises:
            ConfigError: if it cannot have them.
        """
        seeds = [seed] if isinstance(seed, int) else seed
        study = Study._of(self.place, self.info)
        study._planned = named_sweep.extended(self._whole("extend"), seeds)
        study.info = study._planned.info()
        return study

    def measure(
        self, settings: Mapping[str, Any] | None = None, /, *, name: str | None = None, launcher: Launcher | str | None = None,
        replace: bool = False, **named: Any,
    ) -> Study:  # fmt: skip
        """Measure the trained runs anew, from their weights, and return the study with these measurements; nothing is trained.

        Args:
            settings: of metrics, ``{"valid_time.threshold": 0.5}``.
            name: another name for the results; None for the same.
            launcher, replace: as for `train`.
            named: settings of the evaluation: ``horizon=400, metrics=["rmse"]``.

        Raises:
            ConfigError: if there is no such setting, or the study has no folder.
        """
        self._demand_whole("measure")
        words = [f"evaluation.{word}" for word in studies.words({**(settings or {}), **named}, swept=False)]
        study = remeasurement.asked(self.name, self.place, words, name)
        sweep.settle(sweep.do(study, self.place, launching.launcher(launcher), replace=replace), self.place, study.name)
        return load(study.name, self.place.results)

    def _whole(self, what: str) -> studies.Study:
        """The study as it can be trained."""
        self._demand_whole(what)
        if self._planned is None:
            self._planned = named_sweep.again(self.name, self.place)
        return self._planned

    def _demand_whole(self, what: str) -> None:
        if self._narrowed is not None:
            raise ConfigError(
                f"{what}: these are some runs of {self.name}; Study(selection.experiments, name=...) is one of them"
            )

    def select(self, settings: Mapping[str, Any] | None = None, /, **named: Any) -> Study:
        """Return the study of those runs that have these settings.

        Args:
            settings: columns of `runs` with dots in their names, ``{"training.lr": [1e-3, 1e-2]}``.
            named: columns of `runs`; a value, or a list of those that will do: ``model="gru", regime=["teacher_forcing"]``.

        Raises:
            ConfigError: if there is no such setting, or no run has it.
        """
        return Study._of(self.place, self.info, selection.select(self.tables, {**(settings or {}), **named}))

    @cached_property
    def _material(self) -> Material:
        store, kept = self.place.store, set(self.runs["run"].astype(str))
        shown = tidy.samples(store, [run for run in self.info["ids"] if store.path(run).exists()])
        return Material.of(self.tables, {run: sample for run, sample in shown.items() if run in kept})

    def summary(self) -> pd.DataFrame:
        """The results in short, one row a condition: both levels, the gap with its interval, the counts."""
        frame: pd.DataFrame = summary(self.tables)[0]
        return frame

    def table(self, out: str | Path | None = None) -> pd.DataFrame:
        """Return the table of a paper: one row a task, model, method and level (`freerun.analysis.report.paper_table.tidy`).

        Args:
            out: a file to write it to, set as its ending says: ``.tex``, ``.md``, ``.csv`` or ``.parquet``; None for none.

        Raises:
            ConfigError: for another ending, or if no run has a measurement.
            StoreError: if the disk refuses.
        """
        wanted = None if out is None else paper_table.format_of(Path(out))
        material = Material.of(self.tables, {})
        frame: pd.DataFrame = paper_table.tidy(material)
        if out is not None and wanted is not None:
            content = paper_table.content_of(frame, material, wanted)
            demand_own(Path(out), content)
            try:
                write_atomic(Path(out), content)
            except OSError as fault:
                raise refused(Path(out), "cannot be written", fault) from None
        return frame

    def exposure_gap(self, by: Literal["condition", "lead"] = "condition") -> pd.DataFrame:
        """The exposure bias, one row a condition: the one-step error fed the model's own output, minus that fed the truth.

        Both against the truth's own answer to what was really fed; where it has none the row says so in `note`
        (`freerun.analysis.report.summary_table.exposure` describes the columns).

        Args:
            by: "lead" for a row at each lead time, in the column `step`, instead of the mean over the horizon. Its intervals
                are of one lead alone, not of all at once, and `gap_over_lead` draws it.

        Raises:
            ConfigError: for another word.
        """
        return exposure_gap(self.tables, by)

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

    def compare(self, a: str | Study, b: str | None = None) -> comparison.Comparison:
        """Return how two choices of settings compare, condition by condition; it is also written to the study's folder.

        Args:
            a, b: a regime, a model or an objective by name, or settings, ``"training.lr=0.01"``. Another study alone, to
                compare this one with it in the conditions that both have.

        Raises:
            ConfigError: if there are no such runs, or no condition of one side has a partner.
            StoreError: if the disk refuses.
        """
        folder = self.place.folder(self.name)
        if isinstance(a, Study) != (b is None):
            raise ConfigError("compare takes two settings of this study, or another study alone")
        with outputs.writing(folder):
            if isinstance(a, Study):
                return comparison.of_studies(self.name, a.name, (self.tables, a.tables), folder)
            return comparison.in_study(a, str(b), self.tables, folder)

    def report(self, name: str | None = None) -> ReportPage:
        """Build tables, figures and the report in the folder of the study, and return the page.

        Args:
            name: of the folder for a report of some of the runs; a whole study has its own.

        Raises:
            ConfigError: if no run has a record, or some runs are to be reported without a name of their own.
            StoreError: if the disk refuses.
        """
        if self._narrowed is None and name is None:
            outputs.of(self.name, self.place).write_report_if_needed()
            return ReportPage(folder=self.place.folder(self.name))
        if name is None:
            raise ConfigError(f"report: these are some runs of {self.name}; give it a name of its own, report(NAME)")
        some = studies.of_experiments(self.experiments, name, str(self.info["title"]), str(self.info["question"]))
        make_way(some, self.place)
        write_info(some, self.place)
        return load(name, self.place.results).report()

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
