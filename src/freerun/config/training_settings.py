"""Settings of training: updates, batch, learning rate and its decay, optimizer, clipping, truncation, patience.

With `window` n an update charges one window of a rollout of T steps, w of them warm-up, and no gradient enters it:

    L = 1/n sum_{k=0..n-1} l_{s+k},   s uniform on {w, ..., T - n},   step s reads stop(f_{s-1}) and stop(its state)

A segment that is drawn from a long rollout of the model's own is what Self-Forcing++ trains on (Cui et al. 2025, "Towards
minute-scale high-quality video generation", there with a loss of its own); the cut is that of truncated back-propagation
(Williams & Peng 1990). The formulas of rates and patience stand in `freerun.config.learning_rate`, those of the optimisers in
`freerun.engine.optimizer`, those of the time levels in `freerun.config.level_weights`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from freerun.config.learning_rate import Decay, factor
from freerun.config.level_weights import Levels
from freerun.config.watched_curve import USUAL, WatchedCurve, read
from freerun.errors import require
from freerun.parts.settings import LATER, Shown, checked

Choice = TypeVar("Choice", bound=Enum)


class Optimizer(Enum):
    """The optimiser: weight decay inside the gradient (Adam, SGD with momentum) or beside it (AdamW)."""

    adam = "adam"
    adamw = "adamw"
    sgd = "sgd"


class Keep(Enum):
    """Which weights are kept: the last ones, or those of the logged update that is the best one by a declared curve."""

    last = "last"
    best = "best"
    best_forced = "best_forced"
    watched = "watched"

    def curve(self, watch: str = USUAL) -> WatchedCurve | None:
        """Return the curve by which weights are chosen; None where they are not.

        Args:
            watch: the name of the curve that is watched.
        """
        names = {Keep.last: None, Keep.best: USUAL, Keep.best_forced: "validation_forced_loss", Keep.watched: watch}
        name = names[self]
        return None if name is None else read(name)

    def update(self, curve: Iterable[tuple[int, str, float | None]], watch: str = USUAL) -> int | None:
        """Return the logged update whose weights are kept: the first one that is the best by its curve.

        Args:
            curve: update, quantity and value of the points of a run's training curves; None for a value that is undefined.
            watch: the name of the curve that is watched.

        Returns:
            None where the last weights are kept, or no logged value is defined.
        """
        by = self.curve(watch)
        return None if by is None else by.best(curve)


#: The settings of each decay, and what they are where they are not set (as in torch); None for one that has to be.
DECAYS: dict[Decay, dict[str, int | float | None]] = {
    Decay.constant: {},
    Decay.cosine: {},
    Decay.step: {"decay_every": None, "decay_factor": 0.1},
    Decay.plateau: {"decay_factor": 0.1, "decay_patience": 10, "decay_threshold": 1e-4},
}


@checked("training")
@dataclass(kw_only=True)
class Training(Shown):
    """How a model is trained.

    Attributes:
        updates: number of gradient steps.
        batch: B, sequences in a batch, drawn at every update with replacement: an update may see one twice, and there are no
            passes over all of them.
        lr: the learning rate.
        decay: the learning rate over the updates: constant, half a cosine from `lr` to 0, in steps, or lower at every plateau
            of the curve that is watched. Each run of a group has its own plateaus.
        optimizer: `adam`, `adamw`, or `sgd`, gradient descent with `momentum`.
        weight_decay: the factor of the weights that is added to the gradient; beside it with `adamw`.
        decay_every: updates after which `step` lowers the rate.
        decay_factor: by which `step` and `plateau` multiply the rate, in (0, 1); null for 0.1.
        decay_patience: logged updates in a row without a better value that `plateau` lets pass: after one more the rate falls;
            null for 10.
        decay_threshold: the share by which a value must be better than the best one to count for `plateau`; null for 1e-4.
        patience: end a run whose watched curve was not better than its best for so many logged updates in a row; null for
            none. In a group the run stays as it is, and the others go on.
        patience_threshold: the share by which a value must be better than the best one to count for `patience`, in [0, 1).
        watch: the curve that `patience`, `decay=plateau` and `keep=watched` go by, SPLIT_MODE_METRIC: the loss or any metric
            that is better one way, on the split `validation` (or `train`), `free` or `forced`, such as
            `validation_free_rmse`; or `loss`, that of the batch (`freerun.config.watched_curve`).
        momentum: the share of the last step's direction that is kept, in [0, 1), with `sgd` alone.
        clip: largest norm of a run's gradient; null for no clipping.
        truncate: cut back-propagation through time every so many steps, state and feedback; null for none.
        window: charge, at each update, one window of so many steps of the rollout alone, whose beginning is drawn (stream
            `window`) from all places behind the warm-up, and cut state and feedback there, so that what came before is
            only run; null for the whole rollout.
        log_every: updates between two points of the training curves.
        keep: the weights that are measured: the last ones, or, among the updates that are logged, those with the least loss on
            the validation split, free (`best`) or forced (`best_forced`), or the best ones by the curve that is watched
            (`watched`). What a feeder remembers is that of the last update.
        stop: end after so many updates of a training that is planned for all of them; null to end after the last. A run that
            stops later goes on from there.
        levels: how much the loss of each step after the release counts (`freerun.config.level_weights`): all alike, by a
            `geometric` series, a linear `ramp`, or the `last` alone; the loss is the mean over these weights.
        level_ratio: of the weight of a step to that of the step before, for `levels=geometric`.
        start: the trained run with whose weights training begins, its identity or the path of its record or of its weights;
            null for weights that are drawn. Updates, schedules, curves and the optimiser begin anew
            (`freerun.config.start_weights`).
        gradient_norms: log the norm of a run's gradient, before it is clipped, as `gradient_norm` beside the loss.
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
    momentum: float = field(default=0.0, metadata=LATER)
    decay_every: int | None = field(default=None, metadata=LATER)
    decay_factor: float | None = field(default=None, metadata=LATER)
    decay_patience: int | None = field(default=None, metadata=LATER)
    decay_threshold: float | None = field(default=None, metadata=LATER)
    patience: int | None = field(default=None, metadata=LATER)
    patience_threshold: float = field(default=0.0, metadata=LATER)
    watch: str = field(default=USUAL, metadata=LATER)
    levels: Levels = field(default=Levels.constant, metadata=LATER)
    level_ratio: float | None = field(default=None, metadata=LATER)
    start: str | None = field(default=None, metadata=LATER)
    window: int | None = field(default=None, metadata=LATER)
    gradient_norms: bool = field(default=False, metadata=LATER)

    def __post_init__(self) -> None:
        require(self.updates >= 0, "updates", self.updates, "not be negative")
        require(self.batch >= 1, "batch", self.batch, "be at least 1")
        require(0 < self.lr < math.inf, "lr", self.lr, "be positive")
        require(0 <= self.weight_decay < math.inf, "weight_decay", self.weight_decay, "not be negative")
        require(self.clip is None or 0 < self.clip < math.inf, "clip", self.clip, "be positive, or null for none")
        require(self.truncate is None or self.truncate >= 1, "truncate", self.truncate, "be at least 1, or null for none")
        require(self.window is None or self.window >= 1, "window", self.window, "be at least 1, or null for none")
        require(self.log_every >= 1, "log_every", self.log_every, "be at least 1")
        require(self.stop is None or 1 <= self.stop < self.updates, "stop", self.stop, "be below updates, or null for none")
        require(0 <= self.momentum < 1, "momentum", self.momentum, "lie in [0, 1)")
        optimizer, decay, keep = _named(Optimizer, self.optimizer), _named(Decay, self.decay), _named(Keep, self.keep)
        if self.momentum and optimizer not in (Optimizer.sgd, None):
            text = f"momentum={self.momentum}: {optimizer.value} has moments of its own; choose training.optimizer=sgd"
            raise ValueError(f"{text}, or leave it out")
        require(self.patience is None or self.patience >= 1, "patience", self.patience, "be at least 1, or null for none")
        share = self.patience_threshold
        require(0 <= share < 1, "patience_threshold", share, "lie in [0, 1)")
        if share and self.patience is None:
            raise ValueError(f"patience_threshold={share}: no patience is set; set training.patience, or leave it out")
        if decay is not None:
            self._settle(decay)
        if self.watch != USUAL:
            self._check_watch(decay, keep)
        if self.levels is Levels.geometric:
            ratio = self.level_ratio
            require(ratio is not None and 0.01 <= ratio <= 100, "level_ratio", ratio, "lie in [0.01, 100] for levels=geometric")
        else:
            told = f"be left out: it has no meaning for levels={self.levels.value}"
            require(self.level_ratio is None, "level_ratio", self.level_ratio, told)

    def _check_watch(self, decay: Decay | None, keep: Keep | None) -> None:
        """Refuse a curve that nothing goes by, and a second one by which weights are chosen."""
        curve = read(self.watch) if isinstance(self.watch, str) else None  # `freerun.parts.settings` refuses what is no text
        if curve is None or None in (decay, keep):
            return
        if self.patience is None and decay is not Decay.plateau and keep is not Keep.watched:
            text = "nothing watches a curve; set training.patience, training.decay=plateau or training.keep=watched"
            raise ValueError(f"watch={self.watch}: {text}, or leave it out")
        if (curve.measured or curve.split == "train") and keep in (Keep.best, Keep.best_forced):
            text = f"keep={keep.value} goes by another curve; choose training.keep=watched or last"
            raise ValueError(f"watch={self.watch}: {text}")

    @property
    def watched(self) -> WatchedCurve:
        """The curve that is watched."""
        return read(self.watch)

    @property
    def kept_by(self) -> WatchedCurve | None:
        """The curve by which weights are chosen; None where the last ones are kept."""
        return self.keep.curve(self.watch)

    def _settle(self, decay: Decay) -> None:
        """Fill in the settings of the decay, and refuse those of others."""
        own = DECAYS[decay]
        for name in dict.fromkeys(name for settings in DECAYS.values() for name in settings):
            value = getattr(self, name)
            if name not in own and value is not None:
                homes = " or ".join(other.value for other, settings in DECAYS.items() if name in settings)
                text = f"decay={decay.value} does not use it; choose training.decay={homes}, or leave it out"
                raise ValueError(f"{name}={value}: {text}")
            if name in own and value is None:
                require(own[name] is not None, name, None, f"be set for decay={decay.value}, in updates")
                setattr(self, name, own[name])
        every, by, wait, share = self.decay_every, self.decay_factor, self.decay_patience, self.decay_threshold
        require(every is None or every >= 1, "decay_every", every, "be at least 1")
        require(by is None or 0 < by < 1, "decay_factor", by, "lie in (0, 1)")
        require(wait is None or wait >= 0, "decay_patience", wait, "not be negative")
        require(share is None or 0 <= share < 1, "decay_threshold", share, "lie in [0, 1)")

    @property
    def end(self) -> int:
        """The updates after which training ends."""
        return self.updates if self.stop is None else self.stop

    def rate(self, update: int) -> float:
        """The factor on the learning rate at an update, counted from 0, but for what plateaus do."""
        return factor(self.decay, update, self.updates, self.decay_every, self.decay_factor)


def _named(kind: type[Choice], value: object) -> Choice | None:
    """Return a choice, which may be given by its text; None for what is none, which `freerun.parts.settings` refuses."""
    try:
        return kind(value)
    except ValueError:
        return None
