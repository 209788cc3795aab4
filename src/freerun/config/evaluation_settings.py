"""Settings of the evaluation: warm-up, horizon, sequences, orbit."""

from __future__ import annotations

from dataclasses import dataclass

from freerun.errors import require


@dataclass(kw_only=True)
class Evaluation:
    """How a trained model is measured, forced and free, on the training and on the test split.

    Attributes:
        warmup: steps that are forced before the release, in training and in every evaluation; null for the task's own.
        horizon: steps measured from the release on; null for the task's own.
        sequences: how many sequences of each split are measured.
        orbit: steps of a long closed loop, for the statistics of its states; null for the task's own, 0 for none.
        distances: measure how far what the model is fed, its states and its outputs are from what they were in training.
    """

    warmup: int | None = None
    horizon: int | None = None
    sequences: int = 128
    orbit: int | None = None
    distances: bool = False

    def __post_init__(self) -> None:
        require(self.warmup is None or self.warmup >= 0, "warmup", self.warmup, "not be negative")
        require(self.horizon is None or self.horizon >= 1, "horizon", self.horizon, "be at least 1")
        require(self.sequences >= 1, "sequences", self.sequences, "be at least 1")
        require(self.orbit is None or self.orbit == 0 or self.orbit >= 100, "orbit", self.orbit, "be 0, or at least 100")
