"""Reference players: sources that need no training, measured by the same code on the same sequences as a model.

The truth and its noisy or tempered copies say what can be reached; degenerate players (climatology, persistence, a fixed
point, a unigram, a copy of training ...) say what a measure must not reward.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from freerun.measurement.metrics import Observed
from freerun.parts.tasks import Data, Sequences, Task


class Player(ABC):
    """A source of known making that stands where a trained model does. Subclasses are final."""

    #: As in tables.
    name: str

    @abstractmethod
    def play(
        self, task: Task, data: Data, sequences: Sequences, warmup: int, chance: np.random.Generator
    ) -> tuple[Observed, Observed]:
        """What is observed of it on the same sequences, forced and free; the free one has the forced one beside itself.

        Args:
            data: of one seed, with `sequences` from its test split.
            warmup: steps that are forced before the release.
            chance: for whatever it draws.
        """
