"""Tuned study: every method is tuned alike, on seeds of its own, and then run on the study's seeds with what was chosen.

A method is a whole setting without its seed and without what is tuned. Each is tried at as many points, on the same seeds, by
the same target; the trials are a study of their own, NAME.tuning, in the same store. Nothing is chosen on a seed that is
reported.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from freerun.config.hydra.compose import jobs, of_jobs
from freerun.errors import ConfigError, FreerunError, OutOfTime, given
from freerun.execution.launchers import Launcher
from freerun.execution.planned_run import Planned, plan
from freerun.io.reading import NotPlain
from freerun.store import checkpoints, manifest, record_scan, study_file
from freerun.store.claims import Claims
from freerun.store.records import Store
from freerun.store.results_folder import Place, demand_study, folder_name, holds, make_way, write_info
from freerun.sweeps import sweep
from freerun.sweeps.search.judgement import best, judge
from freerun.sweeps.search.search import BATCH
from freerun.sweeps.search.target import Target
from freerun.sweeps.search.trials import FAILED
from freerun.sweeps.search.tuned_description import described
from freerun.sweeps.search.tuned_methods import Job, Method, TuningTrial, give_budgets, methods_of, without
from freerun.sweeps.search.tuning import PREFIX, Tuning, from_file
from freerun.sweeps.study import Study
from freerun.sweeps.sweep import kind_of_runs, see_to

#: What follows the name of a study in that of its trials.
SUFFIX = ".tuning"


@dataclass(kw_only=True)
class TunedStudy:
    """A study, and how its methods are tuned.

    Attributes:
        seeds: on which every trial is run.
    """

    study: Study
    tuning: Tuning
    seeds: list[int]
    methods: list[Method]

    @property
    def targets(self) -> list[Target]:
        """What is chosen by, as it was asked for."""
        return self.tuning.targets

    @property
    def name(self) -> str:
        """The name of the study of all trials."""
        return folder_name(self.study.name + SUFFIX)

    @property
    def trials(self) -> str:
        """How many trials each method has, in words: one number, or from the fewest to the most."""
        budgets = sorted(method.budget for method in self.methods)
        return f"{budgets[0]}" if budgets[0] == budgets[-1] else f"{budgets[0]} to {budgets[-1]}"

    @property
    def foreseen(self) -> bool:
        """Whether `first` returns the runs of all trials."""
        return self.tuning.sampler != "optuna" and self.tuning.pruner == "none"

    def first(self) -> list[Planned]:
        """Return the runs of all trials, as far as they are known before one is trained.

        With Optuna those that it begins with, with a pruner those up to the first rung.
        """
        for method in self.methods:
            if not method.trials:
                count = min(BATCH, method.budget) if self.tuning.sampler == "optuna" else method.budget
                method.try_points(method.sampler.ask(count), self.tuning.seeds)
        return self._runs()

    def divisible_trials(self, place: Place) -> Study | None:
        """Return the study of all trials, which is divided first, as long as they are not done; None if all are.

        Raises:
            ConfigError: if the trials are not known before some are done, or runs of them have failed.
        """
        if not self.foreseen:
            raise ConfigError(
                "--shard: with tune.sampler=optuna or a pruner one trial follows from others, which cannot be divided; choose "
                "tune.sampler=grid or random and tune.pruner=none, or leave out --shard"
            )
        runs = self.first()
        states = sweep.states([run.id for run in runs], place.store)
        left = [state for state in states.values() if state not in sweep.DONE]
        if not left:
            return None
        if set(left) == {FAILED}:
            raise ConfigError(self._undecided(len(left), place))
        return self._of_trials()

    def _undecided(self, failed: int, place: Place) -> str:
        """Return in words that runs of trials failed, and what can be done."""
        runs = f"{failed} of its runs failed, so what is best is not known"
        return f"{self.name}: {runs}; {place.command('retry', self.name)} tries again, as the same command does"

    def conflict(self, place: Place) -> str | None:
        """Return in words whose tables and figures the study would replace, and what can be done; None as far as is known.

        What is chosen is not known before; a study whose methods were tuned otherwise, or not at all, has other runs.
        """
        folder = place.folder(self.study.name)
        try:
            info = study_file.read(folder)
        except (OSError, NotPlain):
            return None
        before = {key: value for key, value in info.get("tuned", {}).items() if key != "methods"}
        if before == self._asked() or not manifest.made(folder):
            return None
        held = f"{folder}: holds results of {'methods that were tuned otherwise' if before else 'a study that was not tuned'}"
        return f"{held}; --as NAME keeps both, --replace lets these go (their records stay)"

    def _asked(self) -> dict[str, Any]:
        """Return what the study's file says of how its methods were tuned, but for what came of it."""
        return {
            "axes": dict(self.tuning.axes), "sampler": self.tuning.sampler, "pruner": self.tuning.pruner,
            "metric": ",".join(dict.fromkeys(target.metric for target in self.targets)),
            "mode": self.targets[0].mode, "split": self.targets[0].split, "maximize": self.targets[0].maximize,
            "seeds": self.seeds,
        }  # fmt: skip

    def run(self, place: Place, launcher: Launcher, *, replace: bool = False) -> Study:
        """Tune every method; return the study with what was chosen.

        A method of which a run failed is asked for no more trials; those of the others go on.

        Args:
            place: where results are.
            launcher: that has the runs done.
            replace: tables and figures of other runs may go.

        Raises:
            ConfigError: if the launcher does not wait, the target is not measured, the engine cannot do a run, or other results
                are there.
            FreerunError: if runs of trials failed, each of which is told of on standard error, or a method has no trial with a
                finite value.
            OutOfTime: if the launcher's time is over before all trials are done.
        """
        if not launcher.waits:
            raise ConfigError("launcher.wait=false: tuning has to wait for its trials to know what to run")
        demand_study(place.folder(self.study.name))
        demand_study(place.folder(self.name))
        if not replace and (conflict := self.conflict(place)):
            raise ConfigError(conflict)
        failed: dict[str, str] = {}
        new = self.first()
        launcher.demand_engine([*new, *self.study.runs])
        try:
            while new:
                failed |= self._train(new, place, launcher, replace=replace)
                for method in self.methods:
                    self._judge(method, place.store)
                    self._ask(method)
                new = [run for method in self.methods for trial in method.pending for run in trial.present]
        except OutOfTime as over:
            failed |= over.failed
            raise OutOfTime(f"{self.name}: {over}; {self.study.name} follows when its trials are done", {}) from over
        finally:
            sweep.settle(failed, place, self.name)
        self._note_trials(place, replace=replace, last=True)
        if failed:
            raise FreerunError(self._undecided(len(failed), place))
        return self._chosen(place.store)

    def _runs(self) -> list[Planned]:
        begun = (run for method in self.methods for trial in method.trials for run in trial.begun)
        return list({run.id: run for run in begun}.values())

    def _judge(self, method: Method, store: Store) -> None:
        """Judge the trials of a method whose runs are trained; those that go on wait for their next ones."""
        for trial in method.pending:
            judge(trial, method.target, store)
            state = trial.state
            if trial.unfinished and trial.value is not None:
                state = self._on_rung(method, trial, trial.value, store)
            print(f"{method.name}, trial {trial.number}: {trial.said}  {state}", flush=True)

    def _on_rung(self, method: Method, trial: TuningTrial, value: float, store: Store) -> str:
        """Let a trial go on from a rung, or end it there; return in words what became of it."""
        goes_on = given(method.pruner).goes_on(trial.number, trial.rung, value)  # one that diverged counts among the others
        if goes_on and math.isfinite(value):
            reached = f"{trial.state} after {trial.updates} updates, goes on"
            trial.go_on()
            return reached
        if math.isfinite(value):
            trial.prune()
        for run in trial.present:
            checkpoints.remove(store, run.course)
        return trial.state

    def _ask(self, method: Method) -> None:
        """Ask the sampler of a method for more points, if all trials so far have ended and there are to be more."""
        if method.pending or method.failed:
            return
        method.tell_sampler()
        if len(method.trials) == method.budget:
            return
        points = method.sampler.ask(min(BATCH, method.budget - len(method.trials)))
        if not points:
            raise ConfigError(f"tune: {method.name}: no other point can be had after {len(method.trials)}; try fewer")
        method.try_points(points, self.tuning.seeds)

    def _train(self, wanted: list[Planned], place: Place, launcher: Launcher, *, replace: bool) -> dict[str, str]:
        """Have the runs of some trials done; each is tried once."""
        store = place.store
        store.open()
        with Claims(store).presence():
            self._note_trials(place, replace=replace)
            missing = set(record_scan.missing(store, (run.id for run in wanted)))
            print(f"{self.name}: {len(self._runs())} runs of trials so far, {len(missing)} to do", flush=True)
            return see_to([run for run in wanted if run.id in missing], store, launcher)

    def _note_trials(self, place: Place, *, replace: bool, last: bool = False) -> None:
        """Write the study of all trials so far.

        Args:
            place: where results are.
            replace: tables and figures of other trials may go.
            last: there will be no more. Before, a study that holds them and more stays: it is of the same tuning, interrupted.
        """
        trials = self._of_trials()
        if last or not holds(trials, place):
            make_way(trials, place, kind_of_runs(trials.name, place), replace=replace)
            write_info(trials, place)

    def _of_trials(self) -> Study:
        sought = " or ".join(dict.fromkeys(str(method.target) for method in self.methods))
        question = f"Which settings are best in {sought}? {self.trials} trials of each method of {self.study.name}."
        return replace(
            self.study, name=self.name, runs=self._runs(), title=f"{self.study.title or self.study.name}: tuning",
            question=question, tuned=None,
        )  # fmt: skip

    def _chosen(self, store: Store) -> Study:
        """Return the study with what was chosen for each method."""
        best_trials = [best(method.trials, method.target) for method in self.methods]
        hopeless = [method for method, chosen in zip(self.methods, best_trials, strict=True) if chosen is None]
        if hopeless:
            more = f" and {len(hopeless) - 1} more" * (len(hopeless) > 1)
            raise FreerunError(
                f"{hopeless[0].name}{more}: no trial has a finite {hopeless[0].target}, so nothing can be chosen; tune over "
                "other values, or leave the method out"
            )
        runs_by_job: dict[Job, Job] = {}
        methods = []
        for method, chosen in zip(self.methods, map(given, best_trials), strict=True):
            tuned = [f"{key}={value}" for key, value in chosen.settings.items()]
            jobs_of_method = {job: (*without(job, chosen.settings), *tuned) for job in method.jobs}
            runs_by_job |= jobs_of_method
            runs = plan(of_jobs(jobs_of_method.values()))
            methods.append(described(method, chosen.settings, runs, store, of_its_own=len(self.targets) > 1))
        return replace(
            self.study,
            runs=plan(of_jobs(runs_by_job[job] for job in self.study.jobs)),
            tuned={**self._asked(), "methods": methods},
        )


def of(study: Study, words: Sequence[str] = (), *, tune: bool = False) -> TunedStudy | None:
    """Return how a study is tuned, by its file and by words of the command line; None if it is not.

    Args:
        study: as it was read from its file.
        words: ``tune.KEY=VALUE``.
        tune: tune it even if its file does not say so.

    Raises:
        ConfigError: if anything of it is wrong, or methods could not have the same budget.
    """
    if study.tune is None and not tune:
        if words:
            raise ConfigError(f"{words[0][:60]}: study {study.name} is not tuned; add --tune")
        return None
    if not study.jobs:
        raise ConfigError(
            f"tune: {study.name} is a sweep that was run; a study of the configuration or of a YAML file is tuned"
        )
    tuning = (Tuning() if study.tune is None else from_file(study.tune)).changed(list(words))
    seeds = _seeds(tuning)
    reported = {run.experiment.seed for run in study.runs}
    if reported & set(seeds):
        raise ConfigError(f"tune: seeds={tuning.seeds}: {min(reported & set(seeds))} is a seed of the study; tune on others")
    methods = methods_of(study, tuning)
    give_budgets(tuning, methods, seeds)
    again = map(shlex.quote, [*(["--tune"] if tune else []), *words])
    return TunedStudy(
        study=replace(study, command=" ".join([study.command, *again])), tuning=tuning, seeds=seeds, methods=methods,
    )  # fmt: skip


def separate(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the words of a command line that are about tuning, and the others."""
    every = list(words)
    return [word for word in every if word.startswith(PREFIX)], [word for word in every if not word.startswith(PREFIX)]


def _seeds(tuning: Tuning) -> list[int]:
    experiments = of_jobs(jobs([f"seed={tuning.seeds}"], sweep=True))
    return list(dict.fromkeys(experiment.seed for experiment in experiments))
