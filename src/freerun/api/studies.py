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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freerun.analysis import figures, outputs
from freerun.analysis.report import comparison
from freerun.analysis.tables import selection
from freerun.api import launching, live_logs
from freerun.api.report_page import ReportPage
from freerun.api.study_results import StudyResults
from freerun.api.trained_runs import TrainedRun
from freerun.config.experiment import Experiment
from freerun.errors import ConfigError, OutOfTime, given
from freerun.io.text import brief
from freerun.store.results_folder import Place, make_way, read_info, write_info
from freerun.sweeps import experiment_file, named_sweep, remeasurement, sweep
from freerun.sweeps import study as studies
from freerun.sweeps.search import tuned_study, tuning
from freerun.sweeps.study_plan import StudyPlan, study_plan

if TYPE_CHECKING:
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
    if not isinstance(name, (str, Path)):
        raise ConfigError(f"load {brief(name)}: must be the name of a study, or the path of its folder")
    if Path(name).parent != Path():
        name, results = Path(name).name, Path(name).parent
    place = Place(results=Path(results))
    return Study._of(place, read_info(str(name), place, started=False))


class Study(StudyResults):
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

    _planned: studies.Study | None = None

    def __init__(
        self, asked: Asked, settings: Mapping[str, Any] | None = None, /, *, name: str | None = None, title: str = "",
        question: str = "", tune: Mapping[str, Any] | None = None, results: str | Path = "results", **named: Any,
    ) -> None:  # fmt: skip
        self.place, self._narrowed = Place(results=Path(results)), None
        if not isinstance(settings, Mapping | None):
            raise ConfigError(f"Study {brief(settings)}: settings are a dictionary, as {{'training.updates': 100}}")
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
        if tune is not None:
            tuning.from_file(tune)  # refuses what it does not know
        self._planned = planned if tune is None else replace(planned, tune=dict(tune))
        self.info = self._planned.info()

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
            FreerunError: if its methods are tuned, and runs of trials failed or a method has no trial with a finite value.
            StoreError: if the folder for results cannot be used.
        """
        study, chosen = self._whole("train"), live_logs.watched(launching.launcher(launcher, hours=hours), log, callback)
        failed: dict[str, str] = {}
        try:
            if tuned := tuned_study.of(study):
                study = tuned.run(self.place, chosen, replace=replace)
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
        if not (isinstance(a, Study) and b is None) and not (isinstance(a, str) and isinstance(b, str)):
            raise ConfigError("compare takes two settings of this study, or another study alone")
        with outputs.writing(folder):
            if isinstance(a, Study):
                return comparison.of_studies(self.name, a.name, (self.tables, a.tables), folder)
            return comparison.in_study(a, given(b), self.tables, folder)

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
