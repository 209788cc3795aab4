"""Baselines of forecasting on recordings: the value one season before, and a linear autoregression of the training part.

They read what a model reads, the warm-up and what is given at each step, and stand beside persistence, the last value.
"""

from __future__ import annotations

import numpy as np

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.players import Player
from freerun.measurement.players.values import Place, ValuePlayer
from freerun.measurement.statistics import baselines
from freerun.parts.tasks import Data, Task


class Seasonal(ValuePlayer):
    """The value one season before: seasonal naive (Hyndman & Athanasopoulos 2021, section 5.2).

    The season is `Task.season_steps`, and has to be forced as a whole; before that, within the warm-up, it says the last value.
    """

    name = "seasonal"

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and task.recording and task.season_steps() is not None

    def least_warmup(self, task: Task) -> int:
        return given(task.season_steps()) - 1

    def memory(self, task: Task) -> int:
        return given(task.season_steps())

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return baselines.seasonal(truth, given(place.task.season_steps()))

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        return baselines.seasons(place.history, len(place.truth))


class Linear(ValuePlayer):
    """A linear autoregression with a constant and the inputs of each step, fitted by least squares to the training part.

    It reads as many values as are forced before the release, the first of the warm-up among them, at most
    `freerun.measurement.statistics.baselines.WINDOW`.
    """

    name = "linear"

    def applies(self, task: Task, data: Data) -> bool:
        return super().applies(task, data) and task.recording

    def memory(self, task: Task) -> int:
        return min(baselines.WINDOW, task.length)

    def forced(self, place: Place, truth: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
        return self._fit(place).forced(truth, place.inputs)

    def free(self, place: Place, chance: np.random.Generator) -> torch.Tensor:
        steps = len(place.truth)
        return self._fit(place).free(place.history, steps, None if place.inputs is None else place.inputs[-steps:])

    def _fit(self, place: Place) -> baselines.Autoregression:
        return baselines.autoregression(place.data, place.task.length, len(place.history))


def players() -> list[Player]:
    """Both baselines."""
    return [Seasonal(), Linear()]
