"""Training of a group: gradient steps, each replica with its own learning rate, decay, momentum and clipping."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float

from freerun.config.learning_rate import Decay
from freerun.config.training_settings import Optimizer
from freerun.engine.feeding import Lessons
from freerun.engine.optimizer import Adam, Descent, Momentum
from freerun.engine.parameters import Parameters, Trained
from freerun.engine.replicas import Group
from freerun.engine.ridge_regression import Solver
from freerun.engine.validation import Gauge, validated
from freerun.engine.watching import Watch
from freerun.errors import given
from freerun.parts.layers import per_replica, totals

#: Called after every update: (update, {quantity: value of every replica}), with no quantities where nothing was logged.
Listener = Callable[[int, dict[str, list[float]]], None]


#: Called after every logged update with it and with what became of every run, its curves so far among it.
Follower = Callable[[int, list["Outcome"]], None]


@dataclass(kw_only=True)
class Point:
    """One point of a training curve; a value that is not finite is None, undefined."""

    update: int
    quantity: str
    value: float | None


@dataclass(kw_only=True)
class Outcome:
    """What training left behind for one run.

    Attributes:
        broke: (update, quantity) at which the run diverged, or None.
        ended: the updates after which its patience was at an end, or None.
    """

    curves: list[Point] = field(default_factory=list)
    broke: tuple[int, str] | None = None
    ended: int | None = None

    @property
    def open(self) -> bool:
        """Whether the run still trains."""
        return self.broke is None and self.ended is None


@runtime_checkable
class Keeper(Protocol):
    """Who keeps the state of a group, so that it can go on where it was stopped."""

    def restore(self, trainer: Trainer) -> int:
        """Set a fresh trainer to the kept state of the group; return how many updates are done."""

    def keep(self, trainer: Trainer, update: int) -> None:
        """Keep the state after so many updates, where it is time to."""


def train(
    group: Group, listen: Listener | None = None, lessons: Lessons | None = None, keeper: Keeper | None = None,
    follow: Follower | None = None, gauge: Gauge | None = None,
) -> list[Outcome]:  # fmt: skip
    """Train a group of runs in place.

    A replica whose loss or gradient stops being finite is frozen with its last finite weights and marked; the others go on
    as if it were not there. So is one whose patience is at an end, and marked so.

    Args:
        listen: called after every update.
        lessons: how the group is fed, for a caller that needs it afterwards; None to make it here.
        keeper: keeps the state between updates; None to begin anew and keep nothing.
        follow: called after every logged update.
        gauge: measures the metric that the settings watch, if they watch one; None for a group that watches losses.

    Raises:
        ValueError: if a metric is watched and there is no gauge.
    """
    if gauge is None and group.settings.watched.measured:
        raise ValueError(f"training.watch={group.settings.watch}: give train a gauge (freerun.measurement.watched_metric)")
    trainer = Trainer(group, lessons or Lessons(group))
    outcomes = trainer.outcomes
    for update in range(0 if keeper is None else keeper.restore(trainer), group.settings.end):
        if all(outcome.ended is not None for outcome in outcomes):
            break
        steps = trainer.update(update)
        values: dict[str, list[float]] = {}
        if update % group.settings.log_every == 0 or update == group.settings.updates - 1:
            values = {
                **steps,
                **trainer.rates(update),
                "forcing_probability": trainer.lessons.probabilities(update),
                **validated(group, gauge),
            }
            _log(outcomes, update, values)
            trainer.note_best()
            trainer.end_patience(update + 1)
            if follow is not None:
                follow(update, outcomes)
        if keeper is not None and trainer.solver is None:
            keeper.keep(trainer, update + 1)
        if listen is not None:
            listen(update, values)
    trainer.keep_best()
    return outcomes


class Trainer:
    """All that moves while a group trains: its optimisers, what it is shown, what became of each replica, which are alive."""

    def __init__(self, group: Group, lessons: Lessons) -> None:
        self.group = group
        self.lessons = lessons
        self.optimizer = _optimizer(group, group.parameters)
        self.critic_optimizer = None if group.critic is None else _optimizer(group, group.critic)
        #: Solves the readout of models whose readout is not learnt by a gradient; nothing of it is kept.
        self.solver = Solver(group) if group.model.solves else None
        self.outcomes = [Outcome() for _ in group.experiments]
        self.watches = [Watch(experiment.training) for experiment in group.experiments]
        self.alive = torch.ones(len(group.experiments), dtype=torch.bool, device=group.device)
        #: The weights of the best logged update of each run, where they are kept; those before the first update until one is.
        self.best = None if group.settings.kept_by is None else group.parameters.flat.clone()

    def note_best(self) -> None:
        """Remember the weights of the runs that have just logged their best value of the curve by which weights are chosen."""
        if self.best is None:
            return
        for r, outcome in enumerate(self.outcomes):
            if outcome.open and outcome.curves and self._kept(outcome) == outcome.curves[-1].update:
                self.best[r] = self.group.parameters.flat[r]

    def keep_best(self) -> None:
        """Put every run back to its best weights; one that diverged, or never had a defined value, stays as it is."""
        if self.best is None:
            return
        for r, outcome in enumerate(self.outcomes):
            if outcome.broke is None and self._kept(outcome) is not None:
                self.group.parameters.flat[r] = self.best[r]

    def end_patience(self, updates: int) -> None:
        """Freeze the runs whose patience is at an end after so many updates; what their feeders remember is put by."""
        for r, (outcome, watch) in enumerate(zip(self.outcomes, self.watches, strict=True)):
            if outcome.open and watch.see(outcome.curves).ended:
                outcome.ended = updates
                self.alive[r] = False
                self.lessons.part_with(r, updates)

    def rates(self, update: int) -> dict[str, list[float]]:
        """The learning rate of each replica at an update, where it does not follow from the settings: with plateaus."""
        if self.group.settings.decay is not Decay.plateau:
            return {}
        settings = [experiment.training for experiment in self.group.experiments]
        return {"learning_rate": [own.lr * watch.factor for own, watch in zip(settings, self.watches, strict=True)]}

    def _scale(self, update: int) -> float | Float[torch.Tensor, "R 1"]:
        """The factor on the learning rate; that of each replica where plateaus move it."""
        scale = self.group.settings.rate(update)
        if self.group.settings.decay is not Decay.plateau:
            return scale
        factors = [watch.see(outcome.curves).factor for outcome, watch in zip(self.outcomes, self.watches, strict=True)]
        return torch.tensor(factors, dtype=self.group.dtype, device=self.group.device)[:, None] * scale

    def _kept(self, outcome: Outcome) -> int | None:
        """The logged update at which a run had its best weights so far."""
        curve = given(self.group.settings.kept_by)
        return curve.best((point.update, point.quantity, point.value) for point in outcome.curves)

    def update(self, update: int) -> dict[str, list[float]]:
        """Take one gradient step for every replica that is alive; return the loss of each, and the critic's if there is one.

        A readout that is solved is solved anew, over all that was shown so far.
        """
        group = self.group
        if self.solver is not None:
            values = self.solver.update(self.lessons, update)
            _freeze_broken(self.outcomes, self.alive, update, values)
            return values
        weights = Trained(group.parameters)
        critic = {} if group.critic is None else group.critic.named(differentiable=True)
        lesson, rollout = self.lessons.rolled(update, weights, critic)
        charge = group.objective.charge(lesson) if rollout.losses is None else rollout.losses
        gradient = weights.gradient(charge, lesson.shares) if rollout.gradient is None else rollout.gradient
        values = {"loss": totals(charge.detach() * lesson.shares, axis=1).tolist()}
        if group.critic is not None and self.critic_optimizer is not None:
            criticism = group.objective.criticise(lesson)
            even = torch.full_like(criticism, 1 / criticism.shape[1])
            slope = _slope(criticism, even, critic)
            values["critic_loss"] = per_replica(torch.mean, criticism.detach()).tolist()
            self._step(self.critic_optimizer, group.critic, slope, update, {"critic_loss": values["critic_loss"]})
        norms = self._step(self.optimizer, group.parameters, gradient, update, {"loss": values["loss"]})
        return {**values, "gradient_norm": norms.tolist()} if group.settings.gradient_norms else values

    def _step(
        self,
        optimizer: Descent,
        parameters: Parameters,
        gradient: Float[torch.Tensor, "R P"],
        update: int,
        values: dict[str, list[float]],
    ) -> Float[torch.Tensor, " R"]:
        """Take a step, freeze what broke, and return the norm of each replica's gradient before it was clipped."""
        norms = optimizer.norms(gradient)
        _freeze_broken(self.outcomes, self.alive, update, {**values, "gradient": norms.tolist()})
        finite = optimizer.step(parameters.flat, gradient, norms, self.alive, update, self._scale(update))
        weights = [0.0 if fine else math.nan for fine in finite.tolist()]
        _freeze_broken(self.outcomes, self.alive, update, {"weights": weights})
        return norms


def _slope(
    charge: Float[torch.Tensor, "*batch"], shares: Float[torch.Tensor, "*batch"], weights: dict[str, torch.Tensor]
) -> Float[torch.Tensor, "R P"]:
    """Return the gradient of the sum of charge times share by weights that are leaves, flat."""
    leaves = list(weights.values())
    parts = torch.autograd.grad(charge, leaves, shares, allow_unused=True, materialize_grads=True)
    return torch.cat([part.reshape(len(part), -1) for part in parts], 1)


def method(optimizer: Optimizer) -> type[Adam] | type[Momentum]:
    """Return the method of descent of an optimiser."""
    return Momentum if optimizer is Optimizer.sgd else Adam


def _optimizer(group: Group, parameters: Parameters) -> Descent:
    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=group.dtype, device=group.device)

    settings = [experiment.training for experiment in group.experiments]
    rate, decay = column([t.lr for t in settings])[:, None], column([t.weight_decay for t in settings])[:, None]
    clip, nothing = column([math.inf if t.clip is None else t.clip for t in settings]), torch.zeros_like(parameters.flat)
    if method(group.settings.optimizer) is Momentum:
        momentum = column([t.momentum for t in settings])[:, None]
        return Momentum(rate=rate, decay=decay, clip=clip, momentum=momentum, velocity=nothing)
    decoupled = group.settings.optimizer is Optimizer.adamw
    return Adam(rate=rate, decay=decay, clip=clip, decoupled=decoupled, first=nothing, second=nothing.clone())


def _freeze_broken(
    outcomes: list[Outcome], alive: Bool[torch.Tensor, " R"], update: int, quantities: dict[str, list[float]]
) -> None:
    for quantity, values in quantities.items():
        for r, outcome in enumerate(outcomes):
            if outcome.open and not math.isfinite(values[r]):
                outcome.broke = (update, quantity)
                alive[r] = False


def _log(outcomes: list[Outcome], update: int, values: dict[str, list[float]]) -> None:
    for quantity, series in values.items():
        for outcome, value in zip(outcomes, series, strict=True):
            if outcome.open:
                recorded = value if math.isfinite(value) else None
                outcome.curves.append(Point(update=update, quantity=quantity, value=recorded))
