"""Tuned study: every method is tuned alike, on seeds of its own, and then run on the study's seeds with what was chosen.

A method is a whole setting without its seed and without what is tuned. Each is tried at as many points, on the same seeds, by
the same target; the trials are a study of their own, NAME.tuning, in the same store. Nothing is chosen on a seed that is
reported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from freerun.config.hydra import search_space
from freerun.config.hydra.compose import jobs, of_jobs
from freerun.config.run_identity import trained
from freerun.errors import ConfigError, FreerunError
from freerun.execution.launchers import Launcher
from freerun.execution.planned import Planned, plan
from freerun.io import key_value
from freerun.store import record_scan
from freerun.store.claims import Claims
from freerun.store.records import Store
from freerun.store.results_folder import Place, demand_study, folder_name, make_way, write_info
from freerun.sweeps.search import samplers
from freerun.sweeps.search.judgement import best, judge
from freerun.sweeps.search.samplers import Point, Sampler
from freerun.sweeps.search.search import BATCH
from freerun.sweeps.search.target import Target
from freerun.sweeps.search.trials import Trial
from freerun.sweeps.search.tuning import PREFIX, Tuning, from_file
from freerun.sweeps.study import Study
from freerun.sweeps.sweep import kind_of_runs, see_to

#: What follows the name of a study in that of its trials.
SUFFIX = ".tuning"
#: A run of the study: its overrides.
Job = tuple[str, ...]


@dataclass(kw_only=True)
class Method:
    """A method that is tuned.

    Attributes:
        jobs: the runs of the study that are of it.
        fixed: what all its trials share.
        words: the axes that it has, as overrides.
        name: in words, for messages.
    """

    jobs: list[Job]
    fixed: list[str]
    words: list[str]
    name: str
    sampler: Sampler
    trials: list[Trial] = field(default_factory=list)
    runs: dict[str, Planned] = field(default_factory=dict)


@dataclass(kw_only=True)
class TunedStudy:
    """A study, and how its methods are tuned.

    Attributes:
        budget: trials of each method.
    """

    study: Study
    tuning: Tuning
    target: Target
    seeds: list[int]
    methods: list[Method]
    budget: int

    @property
    def name(self) -> str:
        """The name of the study of all trials."""
        return folder_name(self.study.name + SUFFIX)

    def first(self) -> list[Planned]:
        """The runs of all trials, as far as they are known before one is trained: with Optuna those that it begins with."""
        count = min(BATCH, self.budget) if self.tuning.sampler == "optuna" else self.budget
        for method in self.methods:
            if not method.trials:
                self._try(method, method.sampler.ask(count))
        return self._runs()

    def run(self, place: Place, launcher: Launcher) -> tuple[Study, dict[str, str]]:
        """Tune every method; returns the study with what was chosen, and the reason for every trial's run that failed.

        Raises:
            ConfigError: if the launcher does not wait, or the target is not measured.
            FreerunError: if a method has no trial with a finite value.
            OutOfTime: if the launcher's time is over before all trials are done.
        """
        if not launcher.waits:
            raise ConfigError("launcher.wait=false: tuning has to wait for its trials to know what to run")
        demand_study(place.folder(self.study.name))
        demand_study(place.folder(self.name))
        failed: dict[str, str] = {}
        new = self.first()
        while True:
            failed |= self._train([run for run in new if run.id not in failed], place, launcher)
            for method in self.methods:
                self._judge(method, place.store)
            if all(len(method.trials) == self.budget for method in self.methods):
                return self._chosen(place.store), failed
            known = {run.id for run in self._runs()}
            for method in self.methods:
                if not (points := method.sampler.ask(min(BATCH, self.budget - len(method.trials)))):
                    raise ConfigError(f"tune: {method.name}: no other point can be had after {len(method.trials)}; try fewer")
                self._try(method, points)
            new = [run for run in self._runs() if run.id not in known]

    def _runs(self) -> list[Planned]:
        return list({run.id: run for method in self.methods for run in method.runs.values()}.values())

    def _try(self, method: Method, points: Sequence[Point]) -> None:
        """Plan a trial of a method for each of some points."""
        for point in points:
            runs = _planned([*method.fixed, *_words(point), f"seed={self.tuning.seeds}"])
            trial = Trial(number=len(method.trials), settings=point, runs=[run.id for run in runs])
            if (same := next((each for each in method.trials if each.runs == trial.runs), None)) is not None:
                raise ConfigError(f"tune: axes: {same.said} and {trial.said} are one run; name each value once")
            method.trials.append(trial)
            method.runs |= {run.id: run for run in runs}

    def _judge(self, method: Method, store: Store) -> None:
        """Judge the new trials of a method and tell its sampler."""
        new = [trial for trial in method.trials if trial.state == "pending"]
        for trial in new:
            judge(trial, self.target, store)
            print(f"{method.name}, trial {trial.number}: {trial.said}  {trial.state}", flush=True)
        method.sampler.tell([trial.value for trial in new])

    def _train(self, wanted: list[Planned], place: Place, launcher: Launcher) -> dict[str, str]:
        """Have the runs of some trials done; each is tried once."""
        store, trials = place.store, self._of_trials()
        store.open()
        with Claims(store).presence():
            make_way(trials, place, kind_of_runs(trials.name, place))
            write_info(trials, place)
            missing = set(record_scan.missing(store, (run.id for run in wanted)))
            print(f"{trials.name}: {len(trials.runs)} runs of trials so far, {len(missing)} to do", flush=True)
            return see_to([run for run in wanted if run.id in missing], store, launcher)

    def _of_trials(self) -> Study:
        question = f"Which settings are best in {self.target}? {self.budget} trials of each method of {self.study.name}."
        return replace(
            self.study, name=self.name, runs=self._runs(), title=f"{self.study.title or self.study.name}: tuning",
            question=question, tuned=None,
        )  # fmt: skip

    def _chosen(self, store: Store) -> Study:
        """The study with what was chosen for each method."""
        asked: list[Job] = []
        told = []
        for method in self.methods:
            chosen = best(method.trials, self.target)
            if chosen is None:
                raise FreerunError(
                    f"{method.name}: no trial has a finite {self.target}, so nothing can be chosen; tune over other values"
                )
            mine = [(*_without(job, chosen.settings), *_words(chosen.settings)) for job in method.jobs]
            asked += mine
            told.append(_told(method, chosen, plan(of_jobs(mine)), store))
        order = {job: place for place, job in enumerate(self.study.jobs)}
        every = [job for method in self.methods for job in method.jobs]
        runs = plan(of_jobs([job for _, job in sorted(zip(map(order.__getitem__, every), asked, strict=True))]))
        tuned = {
            "axes": dict(self.tuning.axes), "sampler": self.tuning.sampler, "metric": self.target.metric,
            "mode": self.target.mode, "split": self.target.split, "maximize": self.target.maximize, "seeds": self.seeds,
            "methods": told,
        }  # fmt: skip
        return replace(self.study, runs=runs, tuned=tuned)


def of(study: Study, words: Sequence[str] = (), *, tune: bool = False) -> TunedStudy | None:
    """How a study is tuned, by its file and by words of the command line; None if it is not.

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
    tuning = (Tuning() if study.tune is None else from_file(study.tune)).changed(list(words))
    target, seeds = tuning.target, _seeds(tuning)
    own = {run.experiment.seed for run in study.runs}
    if own & set(seeds):
        raise ConfigError(f"tune: seeds={tuning.seeds}: {min(own & set(seeds))} is a seed of the study; tune on others")
    methods = _methods(study, tuning, target)
    again = [*(["--tune"] if tune else []), *words]
    return TunedStudy(
        study=replace(study, command=" ".join([study.command, *again])), tuning=tuning, target=target, seeds=seeds,
        methods=methods, budget=_budget(tuning, methods),
    )  # fmt: skip


def separate(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """The words of a command line that are about tuning, and the others."""
    every = list(words)
    return [word for word in every if word.startswith(PREFIX)], [word for word in every if not word.startswith(PREFIX)]


def _seeds(tuning: Tuning) -> list[int]:
    found = of_jobs(jobs([f"seed={tuning.seeds}"], sweep=True))
    return list(dict.fromkeys(experiment.seed for experiment in found))


def _budget(tuning: Tuning, methods: Sequence[Method]) -> int:
    """How many points are tried of each method.

    Raises:
        ConfigError: if one has fewer points than another, or than are asked for.
    """
    sizes = {method.name: method.sampler.size for method in methods}
    fewest = min(sizes, key=lambda name: math.inf if sizes[name] is None else sizes[name] or 0)
    most = max(sizes, key=lambda name: math.inf if sizes[name] is None else sizes[name] or 0)
    if tuning.sampler == "grid" and tuning.trials not in (None, sizes[fewest]):
        raise ConfigError(f"tune: trials={tuning.trials}: the grid has {sizes[fewest]} points; sample at random to try some")
    if tuning.trials is not None:
        if (size := sizes[fewest]) is not None and size < tuning.trials:
            raise ConfigError(f"tune: trials={tuning.trials}: {fewest} has only {size} points, and all have the same budget")
        return tuning.trials
    if sizes[fewest] != sizes[most]:
        told = f"{fewest} has {sizes[fewest]} points and {most} has {sizes[most]}"
        raise ConfigError(f"tune: {told}, but all have the same budget; sample at random, with trials")
    return sizes[fewest] or 0


def _methods(study: Study, tuning: Tuning, target: Target) -> list[Method]:
    """The methods of a study, in the order in which they first come up."""
    found: dict[str, list[Job]] = {}
    trees: dict[str, dict[str, Any]] = {}
    values: dict[str, set[str]] = {}
    for job, experiment in zip(study.jobs, of_jobs(study.jobs), strict=True):
        (run,) = plan([experiment])
        tree = trained(run.tree)
        key, own = _setting(tree, tuning)
        found.setdefault(key, []).append(job)
        trees.setdefault(key, tree)
        values.setdefault(key, set()).add(own)
        if len(values[key]) > 1:
            swept = next(name for name in tuning.axes if any(key_value.key_of(word) == name for word in job))
            raise ConfigError(f"tune: {swept}: the study sweeps over it, so its values are methods; take it out of one")
    missing = [name for name in tuning.axes if not any(_has(tree, name) for tree in trees.values())]
    if missing:
        of_jobs([(*_without(study.jobs[0], [missing[0]]), f"{missing[0]}=0")])  # which says what is wrong with the key
        raise ConfigError(f"tune: {missing[0]}: no method of {study.name} has it; tune another setting")
    return [_method(found[key], tree, tuning, target) for key, tree in trees.items()]


def _method(of: list[Job], tree: dict[str, Any], tuning: Tuning, target: Target) -> Method:
    words = [f"{name}={value}" for name, value in tuning.axes.items() if _has(tree, name)]
    name = " ".join(str(tree[part]["name"]) for part in ("task", "model", "regime"))
    if not words:
        raise ConfigError(f"tune: {name}: has none of {', '.join(tuning.axes)}; tune a setting of every method")
    fixed = [word for word in _without(of[0], tuning.axes) if key_value.key_of(word) != "seed"]
    _, axes = search_space.split([*fixed, *words])
    if len(axes) < len(words):
        single = next(word for word in words if key_value.key_of(word) not in {axis.key for axis in axes})
        raise ConfigError(f"tune: {single[:60]}: one value is no choice; name several")
    asked_by = "tune: sampler=optuna"
    sampler = samplers.made(tuning.sampler, axes, tuning.seed, maximize=target.maximize, asked_by=asked_by)
    return Method(jobs=of, fixed=fixed, words=words, name=name, sampler=sampler)


def _setting(tree: dict[str, Any], tuning: Tuning) -> tuple[str, str]:
    """The setting of a run without its seed and what is tuned, and what is tuned of it; as texts."""
    rest: dict[str, Any] = json.loads(json.dumps(tree))
    own = {}
    for key in tuning.axes:
        if _has(rest, key):
            head, _, name = key.partition(".")
            own[key] = rest[head].pop(name) if name else rest.pop(head)
    rest.pop("seed")
    return json.dumps(rest, sort_keys=True), json.dumps(own, sort_keys=True)


def _has(tree: dict[str, Any], key: str) -> bool:
    """Whether an experiment has a setting; a setting of training that is at its default is there all the same."""
    head, _, name = key.partition(".")
    return head in tree and (not name or (isinstance(tree[head], dict) and name in tree[head]))


def _without(job: Job, keys: Iterable[str]) -> Job:
    """A job without what it says of some keys."""
    gone = set(keys)
    return tuple(word for word in job if key_value.key_of(word) not in gone)


def _words(point: Point) -> list[str]:
    return [f"{key}={value}" for key, value in point.items()]


def _planned(words: list[str]) -> list[Planned]:
    return plan(of_jobs(jobs(words, sweep=True)))


def _told(method: Method, chosen: Trial, runs: list[Planned], store: Store) -> dict[str, Any]:
    """A method as the study's file tells of it, with what its trials took."""
    mine = list(method.runs.values())
    settings = [(run.experiment.training, run.experiment.task.length) for run in mine]
    return {
        "runs": list(dict.fromkeys(run.trained for run in runs)),
        "chosen": chosen.settings,
        "trials": [_trial(trial) for trial in method.trials],
        "updates": sum(training.updates for training, _ in settings),
        "steps": sum(training.updates * training.batch * length for training, length in settings),
        "seconds": math.fsum(_seconds(store, run) for run in mine),
    }


def _trial(trial: Trial) -> dict[str, Any]:
    finite = trial.value is not None and math.isfinite(trial.value)
    lost = trial.value is not None and not finite
    value = trial.value if finite else None
    return {"settings": trial.settings, "runs": trial.runs, "value": value, "state": trial.state, "lost": lost}


def _seconds(store: Store, run: Planned) -> float:
    """The seconds that the training of a run took; 0 of one that failed."""
    return float(store.read(run.trained)["provenance"]["training_seconds"]) if store.has(run.trained) else 0.0
