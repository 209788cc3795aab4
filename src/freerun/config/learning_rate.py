"""Schedules of the learning rate over the updates, and what is seen in a curve: plateaus, and patience at an end.

The rate of update i of N, counted from 0, is lr r_i:

    constant    r_i = 1
    cosine      r_i = (1 + cos(pi i / N)) / 2      (Loshchilov & Hutter 2017, "SGDR", equation 5, without restarts)
    step        r_i = by^floor(i / every)          (`torch.optim.lr_scheduler.StepLR`)
    plateau     r <- by r after more than `patience` logged values in a row without a better one (`ReduceLROnPlateau`)

Patience is that of early stopping (Goodfellow, Bengio & Courville 2016, algorithm 7.1): training ends with the p-th logged
value in a row that is not better than the best one before; `training.keep` says which weights are kept then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
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
        1 for `plateau`, whose rate follows from a curve (`Plateau`).
    """
    if decay is Decay.cosine:
        return 0.5 * (1 + math.cos(math.pi * update / updates))
    if decay is Decay.step and every is not None and by is not None:
        return math.prod([by] * (update // every))
    return 1.0


def improves(value: float, best: float, threshold: float, sign: float = -1.0) -> bool:
    """Return whether a value is better than the best one before by more than a share of its size.

        value < best - threshold |best|,   where more is better value > best + threshold |best|

    Args:
        best: infinitely bad where there was none.
        sign: 1 where more is better, -1 where less is.
    """
    towards = sign if best >= 0 else -sign
    return sign * value > sign * (best * (1 + towards * threshold))


@dataclass(kw_only=True)
class Plateau:
    """The factor on a learning rate that falls where a curve no longer gets better.

    As `torch.optim.lr_scheduler.ReduceLROnPlateau` for values above 0: after more than `patience` values in a row that are not
    better (`improves`), the rate is multiplied by `by`, and counting begins anew.

    Attributes:
        sign: 1 where more is better, -1 where less is.
        factor: as it stands.
    """

    by: float
    patience: int
    threshold: float
    sign: float = -1.0
    factor: float = 1.0
    _best: float = field(init=False)
    _worse: int = 0

    def __post_init__(self) -> None:
        self._best = -self.sign * math.inf

    def see(self, value: float | None) -> None:
        """Take in the next value; None for one that is undefined, which is not better."""
        if value is not None and improves(value, self._best, self.threshold, self.sign):
            self._best, self._worse = value, 0
        else:
            self._worse += 1
        if self._worse > self.patience:
            self.factor, self._worse = self.factor * self.by, 0


@dataclass(kw_only=True)
class Patience:
    """Patience with a curve: at an end after so many values in a row of which none is better (`improves`) than the best before.

    Attributes:
        sign: 1 where more is better, -1 where less is.
        ended: whether it is.
    """

    most: int
    threshold: float = 0.0
    sign: float = -1.0
    ended: bool = False
    _best: float = field(init=False)
    _worse: int = 0

    def __post_init__(self) -> None:
        self._best = -self.sign * math.inf

    def see(self, value: float | None) -> None:
        """Take in the next value; None for one that is undefined, which is not better."""
        if value is not None and improves(value, self._best, self.threshold, self.sign):
            self._best, self._worse = value, 0
        else:
            self._worse += 1
        self.ended = self.ended or self._worse >= self.most
