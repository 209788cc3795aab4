"""Settings of training: updates, batch, learning rate, optimizer, clipping, truncation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from freerun.config.learning_rate import Decay, factor
from freerun.config.level_weights import Levels
from freerun.errors import require
from freerun.parts.settings import LATER


class Optimizer(Enum):
    """The optimiser: weight decay inside the gradient (Adam) or beside it (AdamW)."""

    adam = "adam"
    adamw = "adamw"


class Keep(Enum):
    """Which weights are kept: the last ones, or those of the logged update with the least validation loss."""

    last = "last"
    best = "best"
    best_forced = "best_forced"

    @property
    def mode(self) -> str | None:
        """The mode of the validation loss by which weights are chosen; None where they are not."""
        return {Keep.last: None, Keep.best: "free", Keep.best_forced: "forced"}[self]

    def update(self, curve: Iterable[tuple[int, str, float | None]]) -> int | None:
        """The logged update whose weights are kept: the first one with the least validation loss in its mode.

        Args:
            curve: update, quantity and value of the points of a run's training curves; None for a value that is undefined.

        Returns:
            None where the last weights are kept, or no logged loss is defined.
        """
        quantity = f"validation_{self.mode}_loss"
        known = [(value, update) for update, name, value in curve if name == quantity and value is not None]
        return min(known)[1] if known else None


@dataclass(kw_only=True)
class Training:
    """How a model is trained.

    Attributes:
        updates: number of gradient steps.
        batch: B, sequences in a batch.
        lr: the learning rate.
        decay: the learning rate over the updates: constant, or half a cosine from `lr` to 0.
        clip: largest norm of a run's gradient; null for no clipping.
        truncate: cut back-propagation through time every so many steps, state and feedback; null for none.
        log_every: updates between two points of the training curves.
        keep: the weights that are measured: the last ones, or those with the least loss on the validation split, free (`best`)
            or forced (`best_forced`), among the updates that are logged. What a feeder remembers is that of the last update.
        stop: end after so many updates of a training that is planned for all of them; null to end after the last. A run that
            stops later goes on from there.
        levels: how much the loss of each step after the release counts (`freerun.config.level_weights`): all alike, by a
            `geometric` series, a linear `ramp`, or the `last` alone; the loss is the mean over these weights.
        level_ratio: of the weight of a step to that of the step before, for `levels=geometric`.
    """

    updates: int = 2000
    batch: int = 32
    lr: float = 3e-3
    decay: Decay = Decay.cosine
    optimizer: Optimizer = Optimizer.adam
    weight_decay: float = 0.0
    clip: float | None = 1.0
    truncate: int | None = None
    log_every: int = 100
    keep: Keep = field(default=Keep.last, metadata=LATER)
    stop: int | None = field(default=None, metadata=LATER)
    levels: Levels = field(default=Levels.constant, metadata=LATER)
    level_ratio: float | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        require(self.updates >= 0, "updates", self.updates, "not be negative")
        require(self.batch >= 1, "batch", self.batch, "be at least 1")
        require(0 < self.lr < math.inf, "lr", self.lr, "be positive")
        require(0 <= self.weight_decay < math.inf, "weight_decay", self.weight_decay, "not be negative")
        require(self.clip is None or 0 < self.clip < math.inf, "clip", self.clip, "be positive, or null for none")
        require(self.truncate is None or self.truncate >= 1, "truncate", self.truncate, "be at least 1, or null for none")
        require(self.log_every >= 1, "log_every", self.log_every, "be at least 1")
        require(self.stop is None or 1 <= self.stop < self.updates, "stop", self.stop, "be below updates, or null for none")
        if self.levels is Levels.geometric:
            ratio = self.level_ratio
            require(ratio is not None and 0.01 <= ratio <= 100, "level_ratio", ratio, "lie in [0.01, 100] for levels=geometric")
        else:
            told = f"be left out: it has no meaning for levels={self.levels.value}"
            require(self.level_ratio is None, "level_ratio", self.level_ratio, told)

    @property
    def end(self) -> int:
        """The updates after which training ends."""
        return self.updates if self.stop is None else self.stop

    def rate(self, update: int) -> float:
        """The factor on the learning rate at an update, counted from 0."""
        return factor(self.decay, update, self.updates)
