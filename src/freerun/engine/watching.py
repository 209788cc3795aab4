"""Watching of a run's training curve: the learning rate that a plateau leaves it, and whether its patience is at an end.

Both are functions of the curve alone, so that a run that goes on from a checkpoint is told what it was told before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from freerun.config.learning_rate import Decay, Patience, Plateau
from freerun.config.training_settings import Training


class Point(Protocol):
    """One point of a training curve."""

    update: int
    quantity: str
    value: float | None


class Watch:
    """What one run is told by the curve that its settings watch."""

    def __init__(self, settings: Training) -> None:
        curve = settings.watched
        self._quantity, sign = curve.name, curve.sign
        self._seen = 0
        most, share = settings.patience, settings.patience_threshold
        self._patience = None if most is None else Patience(most=most, threshold=share, sign=sign)
        self._plateau: Plateau | None = None
        factor, patience, threshold = settings.decay_factor, settings.decay_patience, settings.decay_threshold
        if settings.decay is Decay.plateau and factor is not None and patience is not None and threshold is not None:
            self._plateau = Plateau(by=factor, patience=patience, threshold=threshold, sign=sign)

    def see(self, curve: Sequence[Point]) -> Watch:
        """Take in the points that a run's curve has since it was last seen; return self."""
        told = [point.value for point in curve[self._seen :] if point.quantity == self._quantity]
        self._seen = len(curve)
        for watched in (each for each in (self._patience, self._plateau) if each is not None):
            for value in told:
                watched.see(value)
        return self

    @property
    def factor(self) -> float:
        """The factor on the learning rate; 1 where no plateau moves it."""
        return 1.0 if self._plateau is None else self._plateau.factor

    @property
    def ended(self) -> bool:
        """Whether the patience is at an end."""
        return self._patience is not None and self._patience.ended
