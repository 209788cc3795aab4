"""Schedules of the learning rate over the updates, and what is seen in a curve of losses: plateaus, and patience at an end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class Decay(Enum):
    """How the learning rate moves over the updates."""

    constant = "constant"
    cosine = "cosine"
    step = "step"
    plateau = "plateau"


def factor(decay: Decay, update: int, updates: int, every: int | None = None, by: float | None = None) -> float:
    """Return the factor on the learning rate at an update, counted from 0, of so many updates.

    Args:
        every, by: of `step`: the rate is multiplied by `by` after every so many updates, as `torch.optim.lr_scheduler.StepLR`.

    Returns:
        1 for `plateau`, whose rate follows from the losses (`Plateau`).
    """
    if decay is Decay.cosine:
        return 0.5 * (1 + math.cos(math.pi * update / updates))
    if decay is Decay.step and every is not None and by is not None:
        return math.prod([by] * (update // every))
    return 1.0


@dataclass(kw_only=True)
class Plateau:
    """The factor on a learning rate that falls where a loss no longer does, as `torch.optim.lr_scheduler.ReduceLROnPlateau`.

    A loss is better if it is below (1 - threshold) times the best one before; after more than `patience` losses in a row that
    are not, the rate is multiplied by `by`, and counting begins anew.

    Attributes:
        factor: as it stands.
    """

    by: float
    patience: int
    threshold: float
    factor: float = 1.0
    _best: float = math.inf
    _worse: int = 0

    def see(self, loss: float | None) -> None:
        """Take in the next loss; None for one that is undefined, which is not better."""
        if loss is not None and loss < self._best * (1 - self.threshold):
            self._best, self._worse = loss, 0
        else:
            self._worse += 1
        if self._worse > self.patience:
            self.factor, self._worse = self.factor * self.by, 0


@dataclass(kw_only=True)
class Patience:
    """Patience with a loss: at an end after so many losses in a row of which none is better than the best before.

    A loss is better if it is below (1 - threshold) times the best one.

    Attributes:
        ended: whether it is.
    """

    most: int
    threshold: float = 0.0
    ended: bool = False
    _best: float = math.inf
    _worse: int = 0

    def see(self, loss: float | None) -> None:
        """Take in the next loss; None for one that is undefined, which is not better."""
        if loss is not None and loss < self._best * (1 - self.threshold):
            self._best, self._worse = loss, 0
        else:
            self._worse += 1
        self.ended = self.ended or self._worse >= self.most
