"""Pruning of hopeless trials: asynchronous successive halving (Li et al. 2020), decided by Optuna.

A trial is trained to a ninth of its updates; if it is among the best third there it goes on to a third of them, and if it is
among the best third there, to the end. It is judged among those that came to the same rung before it, in the order in which
trials were asked for. So it waits for none that comes later, and what is decided depends neither on how many are trained at
once nor on interruptions. The first trials are judged among few: the best so far always goes on.
"""

from __future__ import annotations

from typing import Any

from freerun.config.training_settings import Training
from freerun.errors import ConfigError
from freerun.execution.launchers import needs

NAMES = ("none", "halving")
#: One trial of so many goes on from a rung, and the next rung is at so many times the updates.
FACTOR = 3
#: Rungs before the end of training.
RUNGS = 2
#: Settings of training by which the rungs lie where they lie: they are the same for all trials of a method.
FIXED = ("training.updates", "training.log_every", "training.stop")


def rungs(training: Training, method: str) -> list[int]:
    """Return after how many updates the trials of a method are judged, each time just after a logged one.

    Raises:
        ConfigError: if the validation loss is logged too seldom for that.
    """
    updates, every = training.end, training.log_every
    first = updates // FACTOR**RUNGS
    if first < every:
        raise ConfigError(
            f"tune: pruner=halving: {method} is judged after a ninth of its {updates} updates, but logs its validation loss "
            f"every {every}; " + (f"set training.log_every to {first} or less" if first else "train it longer")
        )
    return [updates // FACTOR**left // every * every + 1 for left in range(RUNGS, 0, -1)]


class Halving:
    """The rule for the trials of one method."""

    def __init__(self, *, maximize: bool) -> None:
        optuna = needs("optuna", "optuna", "tune: pruner=halving")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=FACTOR)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", pruner=pruner)
        self._trials: dict[int, Any] = {}

    def goes_on(self, number: int, rung: int, value: float) -> bool:
        """Return whether a trial goes on from a rung; to be asked once for each that comes there, in the order of trials."""
        if number not in self._trials:
            self._trials[number] = self._study.ask()
        trial = self._trials[number]
        trial.report(value, step=FACTOR**rung)
        return not trial.should_prune()
