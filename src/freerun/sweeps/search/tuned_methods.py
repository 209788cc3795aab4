"""Methods of a study that is tuned: what is tuned of each, by as many trials for all, and what has become of them."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from freerun.config.hydra import search_space
from freerun.config.hydra.compose import jobs, of_jobs
from freerun.config.run_identity import trained
from freerun.config.training_settings import Training
from freerun.errors import ConfigError
from freerun.execution.planned_run import Planned, method_names, plan
from freerun.execution.training_work import Work, work
from freerun.io import key_value
from freerun.parts import registry
from freerun.store.record_types import HELD_OUT
from freerun.sweeps.search import samplers
from freerun.sweeps.search.pruning import Halving, rungs
from freerun.sweeps.search.samplers import Point, Pruned, Sampler
from freerun.sweeps.search.target import Target
from freerun.sweeps.search.target_choice import Choice
from freerun.sweeps.search.trials import FAILED, Trial
from freerun.sweeps.search.tuning import Tuning
from freerun.sweeps.study import Study

#: A run of the study: its overrides.
Job = tuple[str, ...]


@dataclass(kw_only=True)
class TuningTrial(Trial):
    """A trial of a method; `runs` are those of the rung that it has come to.

    Attributes:
        ladder: its runs by rung, one a seed on each; those of the last are trained to the end.
        rung: the rung that it has come to.
        pruned: the value by which it was pruned; None where it was not.
    """

    ladder: list[list[Planned]]
    rung: int = 0
    pruned: float | None = None

    @property
    def begun(self) -> list[Planned]:
        """Its runs as far as it has come."""
        return [run for of_rung in self.ladder[: self.rung + 1] for run in of_rung]

    @property
    def present(self) -> list[Planned]:
        """Its runs of the rung that it has come to."""
        return self.ladder[self.rung]

    @property
    def updates(self) -> int:
        """Updates that each of its runs is trained for, as far as it has come."""
        return self.present[0].experiment.training.end

    @property
    def work(self) -> Work:
        """What its runs take, as far as it has come."""
        return sum((work(run.experiment) for run in self.present), Work())

    @property
    def unfinished(self) -> bool:
        """Whether there are further rungs."""
        return self.rung < len(self.ladder) - 1

    def go_on(self) -> None:
        """Take it to the next rung."""
        self.rung += 1
        self.runs = [run.id for run in self.present]
        self.value, self.state = None, "pending"

    def prune(self) -> None:
        """Give it up where it is; it has no value any more."""
        whole = self.ladder[-1][0].experiment.training.end
        self.state = f"pruned after {self.updates} of {whole} updates, at {self.value:.6g}"
        self.pruned, self.value = self.value, None

    @property
    def outcome(self) -> float | Pruned | None:
        """What a sampler is told of it."""
        return self.value if self.pruned is None else Pruned(self.pruned, self.rung)


@dataclass(kw_only=True)
class Method:
    """A method that is tuned.

    Attributes:
        run: the first run of the study that is of it.
        jobs: all of them.
        fixed: what all its trials share.
        words: the axes that it has, as overrides.
        name: in words, for messages; no other method of the study has it.
        target: what is best in it is chosen.
        stops: after how many updates its trials are judged before the end of their training.
        pruner: what judges them there; None where nothing is pruned.
        told: of how many trials the sampler was told.
        budget: how many points are tried.
        products: that each trial takes; 0 where the budget is one of trials.
    """

    run: Planned
    jobs: list[Job]
    fixed: list[str]
    words: list[str]
    name: str
    target: Target
    sampler: Sampler
    stops: list[int] = field(default_factory=list)
    pruner: Halving | None = None
    trials: list[TuningTrial] = field(default_factory=list)
    told: int = 0
    budget: int = 0
    products: int = 0

    @property
    def failed(self) -> bool:
        """Whether a trial has a run that failed, so that what is best is not known."""
        return any(trial.state == FAILED for trial in self.trials)

    @property
    def pending(self) -> list[TuningTrial]:
        """The trials that have not ended."""
        return [trial for trial in self.trials if trial.state == "pending"]

    def try_points(self, points: Sequence[Point], seeds: str) -> None:
        """Plan a trial for each of some points.

        Raises:
            ConfigError: if a point is no experiment, or two of them are one.
        """
        for point in points:
            words = [*self._measured(), *_words(point), f"seed={seeds}"]
            # of a run that is stopped the loss alone is measured: it is judged by its training curve
            stopped = [*without(words, ["training.stop", "evaluation.metrics"]), f"evaluation.metrics=[{self.target.metric}]"]
            rungs_words = [*([*stopped, f"training.stop={stop}"] for stop in self.stops), words]
            planned = [plan(of_jobs(jobs(of_rung, sweep=True))) for of_rung in rungs_words]
            trial = TuningTrial(number=len(self.trials), settings=point, runs=_ids(planned[0]), ladder=planned)
            same = next((other for other in self.trials if _ids(other.ladder[-1]) == _ids(planned[-1])), None)
            if same is not None:
                raise ConfigError(f"tune: axes: {same.said} and {trial.said} are one run; name each value once")
            if self.products and trial.work.products != self.products:
                raise ConfigError(
                    f"tune: products: {trial.said} takes {trial.work.products:.3g} products and {self.name} itself "
                    f"{self.products:.3g}; tune settings that change nothing of that, or give trials"
                )
            self.trials.append(trial)

    def _measured(self) -> list[str]:
        """What trials share, with the target alone measured where that is more than the loss, on the split that it is of."""
        if self.target.logged:
            return self.fixed
        metric, names = self.target.metric, registry.parts("metric")
        idle = [key for word in self.fixed if _of_metric(key := key_value.key_of(word), names) not in (None, metric)]
        kept = without(self.fixed, ["evaluation.metrics", "evaluation.split", *idle])
        split = [f"evaluation.split={self.target.split}"] if self.target.split in HELD_OUT else []
        return [*kept, f"evaluation.metrics=[{metric}]", *split]

    def tell_sampler(self) -> None:
        """Tell the sampler of the trials that it asked for last, all of which have ended."""
        self.sampler.tell([trial.outcome for trial in self.trials[self.told :]])
        self.told = len(self.trials)


def give_budgets(tuning: Tuning, methods: Sequence[Method], seeds: Sequence[int]) -> None:
    """Set how many points are tried of each method: as many of all, or as many as a budget of products allows.

    Raises:
        ConfigError: if methods could not have the same budget.
    """
    if tuning.products is None:
        budget = budget_of(tuning, methods)
        for method in methods:
            method.budget = budget
        return
    for method in methods:
        method.products = len(seeds) * work(method.run.experiment).products
        method.budget = int(tuning.products // method.products)
        if not method.budget:
            raise ConfigError(
                f"tune: products={tuning.products:g}: one trial of {method.name} takes {method.products:.3g}; give more"
            )
        if (size := method.sampler.size) is not None and size < method.budget:
            raise ConfigError(
                f"tune: products={tuning.products:g}: {method.name} has only {size} points and could try {method.budget}; give "
                f"at most {size * method.products:.3g}, or an interval as axis"
            )


def budget_of(tuning: Tuning, methods: Sequence[Method]) -> int:
    """Return how many points are tried of each method where all have as many.

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
            raise ConfigError(
                f"tune: trials={tuning.trials}: {fewest} has only {size} points, and all have the same budget; give at most "
                f"{size}, or an interval as axis"
            )
        return tuning.trials
    if sizes[fewest] != sizes[most]:
        unequal = f"{fewest} has {sizes[fewest]} points and {most} has {sizes[most]}"
        raise ConfigError(f"tune: {unequal}, but all have the same budget; sample at random, with trials")
    return sizes[fewest] or 0


def methods_of(study: Study, tuning: Tuning) -> list[Method]:
    """Return the methods of a study, in the order in which they first come up.

    Raises:
        ConfigError: if one of them cannot be tuned.
    """
    jobs_of: dict[str, list[Job]] = {}
    runs: dict[str, Planned] = {}
    values: dict[str, set[str]] = {}
    for job, experiment in zip(study.jobs, of_jobs(study.jobs), strict=True):
        (run,) = plan([experiment])
        key, tuned = _setting(trained(run.tree), tuning)
        jobs_of.setdefault(key, []).append(job)
        runs.setdefault(key, run)
        values.setdefault(key, set()).add(tuned)
        if len(values[key]) > 1:
            swept = next(name for name in tuning.axes if any(key_value.key_of(word) == name for word in job))
            raise ConfigError(f"tune: {swept}: the study sweeps over it, so its values are methods; take it out of one")
    missing = [name for name in tuning.axes if not any(_has(run.tree, name) for run in runs.values())]
    if missing:
        of_jobs([(*without(study.jobs[0], [missing[0]]), f"{missing[0]}=0")])  # which says what is wrong with the key
        raise ConfigError(f"tune: {missing[0]}: no method of {study.name} has it; tune another setting")
    choice = Choice(tuning.targets, named=bool(tuning.metrics))
    name = method_names({key: run.tree for key, run in runs.items()}, apart_from=tuning.axes)
    return [_method(jobs_of[key], run, name[key], tuning, choice) for key, run in runs.items()]


def _method(of_method: list[Job], run: Planned, name: str, tuning: Tuning, choice: Choice) -> Method:
    words = [f"{key}={value}" for key, value in tuning.axes.items() if _has(run.tree, key)]
    if not words:
        raise ConfigError(f"tune: {name}: has none of {', '.join(tuning.axes)}; tune a setting of every method")
    fixed = [word for word in without(of_method[0], tuning.axes) if key_value.key_of(word) != "seed"]
    _, axes = search_space.split([*fixed, *words])
    if len(axes) < len(words):
        single = next(word for word in words if key_value.key_of(word) not in {axis.key for axis in axes})
        raise ConfigError(f"tune: {single[:60]}: one value is no choice; name several")
    asked_by = "tune: sampler=optuna"
    target = choice.of(run)
    sampler = samplers.made(tuning.sampler, axes, tuning.seed, maximize=target.maximize, asked_by=asked_by)
    method = Method(run=run, jobs=of_method, fixed=fixed, words=words, name=name, target=target, sampler=sampler)
    if tuning.pruner == "halving":
        method.stops = rungs(run.experiment.training, name)
        method.pruner = Halving(maximize=target.maximize)
    return method


def _setting(tree: dict[str, Any], tuning: Tuning) -> tuple[str, str]:
    """Return the setting of a run without its seed and what is tuned, and what is tuned of it, as texts."""
    rest: dict[str, Any] = json.loads(json.dumps(tree))
    tuned = {}
    for key in tuning.axes:
        if _has(rest, key):
            head, _, name = key.partition(".")
            tuned[key] = rest[head].pop(name, None) if name else rest.pop(head)
    rest.pop("seed")
    return json.dumps(rest, sort_keys=True), json.dumps(tuned, sort_keys=True)


def _has(tree: dict[str, Any], key: str) -> bool:
    """Return whether an experiment has a setting; those of training are there, said or not."""
    head, _, name = key.partition(".")
    if head == "training":
        return name in {item.name for item in fields(Training)}
    return head in tree and (not name or (isinstance(tree[head], dict) and name in tree[head]))


def _of_metric(key: str, metrics: Container[str]) -> str | None:
    """Return of which metric a key of the evaluation is a setting; None for one of the evaluation itself."""
    head, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    return name if head == "evaluation" and "." in rest and name in metrics else None


def without(job: Iterable[str], keys: Iterable[str]) -> Job:
    """Return a job without what it says of some keys."""
    gone = set(keys)
    return tuple(word for word in job if key_value.key_of(word) not in gone)


def _words(settings: Point) -> list[str]:
    return [f"{key}={value}" for key, value in settings.items()]


def _ids(runs: Iterable[Planned]) -> list[str]:
    return [run.id for run in runs]
