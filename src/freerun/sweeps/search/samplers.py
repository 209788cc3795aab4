"""Samplers: which points are tried, on a grid, at random, or where Optuna expects the best; none is tried twice.

A sampler is seeded and told values in the order in which it asked, so that the same search asks for the same points again.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from freerun.config.hydra.search_space import Axis, own
from freerun.errors import ConfigError, given
from freerun.execution.launchers import needs
from freerun.random_streams import stream

#: A point: the value of each axis by its key, as it is typed.
Point = dict[str, str]


class Pruned(NamedTuple):
    """What became of a point that was given up early: its value there, and how far it had come, by rungs from 0."""

    value: float
    rung: int


#: How the points of each sampler were chosen, in words.
SAID = {
    "grid": "on a grid",
    "random": "at random",
    "optuna": "by a tree-structured Parzen estimator, not by design",
}
NAMES = tuple(SAID)
#: How often a sampler may come back to points that are known before another one is drawn at random.
TRIES = 20
#: The most points of a space that are listed.
LARGEST = 100_000
#: Digits of a number that is drawn at random: enough to tell points apart, few enough to be read.
DIGITS = 4


class Sampler(ABC):
    """Asks for points of some axes, each once.

    Raises:
        ConfigError: if an axis names a value twice.
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.axes = list(axes)
        for axis in self.axes:
            if twice := next((value for value in axis.choices if axis.choices.count(value) > 1), None):
                raise ConfigError(f"{axis.key}={twice[:40]}: named twice; name each value once")
        self._asked: set[tuple[tuple[str, str], ...]] = set()

    @property
    def size(self) -> int | None:
        """How many points there are; None where a number may be any of an interval."""
        total = 0
        for chosen in _points([axis for axis in self.axes if axis.key in self._deciding]):
            counts = [_count(axis) for axis in self.axes if axis.key not in self._deciding and axis.goes_with(chosen)]
            if None in counts:
                return None
            total += math.prod(count for count in counts if count is not None)
        return total

    def ask(self, count: int) -> list[Point]:
        """The next points, as many as are asked for or are left."""
        points: list[Point] = []
        while len(points) < count and len(self._asked) != self.size and (point := self._next()) is not None:
            self._asked.add(tuple(point.items()))
            points.append(point)
        return points

    def tell(self, values: Sequence[float | Pruned | None]) -> None:
        """Take the values of the points that were asked for last, in their order; None of one that failed."""
        del values

    @abstractmethod
    def _next(self) -> Point | None:
        """A point that was not asked for before; None if none can be had."""

    def _known(self, point: Point) -> bool:
        return tuple(point.items()) in self._asked

    @property
    def _deciding(self) -> set[str]:
        """The parts on whose choice it depends which of the other axes a point has."""
        return {axis.key.partition(".")[0] for axis in self.axes if axis.only}


class Grid(Sampler):
    """Every point of lists and ranges, in their order."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        super().__init__(axes)
        if (free := next((axis.key for axis in axes if _count(axis) is None), None)) is not None:
            raise ConfigError(f"{free}: a grid has lists and ranges, and no interval of real numbers; sample at random instead")
        self._points = _points(self.axes)

    def _next(self) -> Point | None:
        return next((point for point in self._points if not self._known(point)), None)


class Random(Sampler):
    """Points drawn evenly from every axis, of an interval on a log scale evenly on that scale."""

    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        super().__init__(axes)
        self._draws = stream(seed, "points")

    def _next(self) -> Point | None:
        for _ in range(TRIES):
            point = own({axis.key: _drawn(axis, float(self._draws.random())) for axis in self.axes}, self.axes)
            if not self._known(point):
                return point
        return self._another()

    def _another(self) -> Point | None:
        """One of the points that are left, each as likely."""
        if self.size is None or self.size > LARGEST:
            return None
        every = {tuple(point.items()): point for point in _points(self.axes)}
        left = [point for point in every.values() if not self._known(point)]
        return left[int(self._draws.integers(len(left)))] if left else None


class Optuna(Random):
    """Points where a tree-structured Parzen estimator expects the best (Bergstra et al. 2011), by Optuna."""

    def __init__(self, axes: Sequence[Axis], seed: int, *, maximize: bool, asked_by: str) -> None:
        super().__init__(axes, seed)
        optuna = needs("optuna", "optuna", asked_by)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._failed, self._pruned = optuna.trial.TrialState.FAIL, optuna.trial.TrialState.PRUNED
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
        self._space = {axis.key: _distribution(optuna.distributions, axis) for axis in self.axes if not axis.only}
        self._waiting: list[Any] = []

    def tell(self, values: Sequence[float | Pruned | None]) -> None:
        """Take the values of the points that were asked for last; Optuna leaves those that failed out of account."""
        for trial, value in zip(self._waiting, values, strict=True):
            if value is None:
                self._study.tell(trial, state=self._failed)
            elif isinstance(value, Pruned):
                trial.report(value.value, step=value.rung)
                self._study.tell(trial, state=self._pruned)
            else:
                self._study.tell(trial, value)
        self._waiting = []

    def _next(self) -> Point | None:
        for _ in range(TRIES):
            if not self._known(point := self._suggested()):
                return point
            self._study.tell(self._waiting.pop(), state=self._failed)  # which it leaves out of account, and asks for another
        drawn = super()._next()
        if drawn is None:
            return None
        self._study.enqueue_trial({axis.key: _value(axis, drawn[axis.key]) for axis in self.axes if axis.key in drawn})
        return self._suggested()

    def _suggested(self) -> Point:
        trial = self._study.ask(self._space)
        self._waiting.append(trial)
        chosen = {key: _typed(value) for key, value in trial.params.items()}
        for axis in self.axes:
            if axis.only and axis.goes_with(chosen):
                _suggest(trial, axis)
        return {axis.key: _typed(trial.params[axis.key]) for axis in self.axes if axis.key in trial.params}


def made(name: str, axes: Sequence[Axis], seed: int, *, maximize: bool, asked_by: str) -> Sampler:
    """The sampler of a name in `NAMES`.

    Args:
        seed: of what is drawn.
        maximize: larger values are better.
        asked_by: who needs Optuna, for the message where it is missing.

    Raises:
        ConfigError: if Optuna is not installed, or an axis has no grid.
    """
    if name == "grid":
        return Grid(axes)
    return Random(axes, seed) if name == "random" else Optuna(axes, seed, maximize=maximize, asked_by=asked_by)


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _value(axis: Axis, text: str) -> int | float | str:
    if axis.choices:
        return text
    return float(text) if axis.step is None else int(text)


def _count(axis: Axis) -> int | None:
    """How many values an axis has; None for an interval of real numbers."""
    if axis.choices:
        return len(axis.choices)
    return None if axis.step is None else int(given(axis.high) - given(axis.low)) // axis.step + 1


def _points(axes: Sequence[Axis]) -> Iterator[Point]:
    """Every point of axes that have a grid, the last axis changing first, more than once where it goes without one."""
    keys = [axis.key for axis in axes]
    for values in itertools.product(*(_listed(axis) for axis in axes)):
        yield own(dict(zip(keys, values, strict=True)), axes)


def _listed(axis: Axis) -> Sequence[str]:
    if axis.choices:
        return axis.choices
    step = given(axis.step)
    return [repr(value) for value in range(int(given(axis.low)), int(given(axis.high)) + 1, step)]


def _drawn(axis: Axis, share: float) -> str:
    """The value of an axis at a share of its way, from 0 (included) to 1 (excluded)."""
    if axis.choices:
        return axis.choices[int(share * len(axis.choices))]
    low, high = float(given(axis.low)), float(given(axis.high))
    if axis.step is None:
        value = low * (high / low) ** share if axis.log else low + share * (high - low)
        return repr(min(max(float(f"{value:.{DIGITS}g}"), low), high))
    if axis.log:
        low, high = low - 0.5, high + 0.5
        return repr(min(max(round(low * (high / low) ** share), int(given(axis.low))), int(given(axis.high))))
    return repr(int(low) + axis.step * int(share * given(_count(axis))))


def _suggest(trial: Any, axis: Axis) -> None:
    if axis.choices:
        trial.suggest_categorical(axis.key, axis.choices)
    elif axis.step is None:
        trial.suggest_float(axis.key, axis.low, axis.high, log=axis.log)
    else:
        trial.suggest_int(axis.key, axis.low, axis.high, log=axis.log, step=axis.step)


def _distribution(distributions: Any, axis: Axis) -> Any:
    if axis.choices:
        return distributions.CategoricalDistribution(axis.choices)
    if axis.step is None:
        return distributions.FloatDistribution(axis.low, axis.high, log=axis.log)
    return distributions.IntDistribution(axis.low, axis.high, log=axis.log, step=axis.step)
