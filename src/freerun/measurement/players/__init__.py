"""Reference players: sources that need no training, measured as a trained model is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from freerun.lazy import torch
from freerun.measurement.metrics import Observed
from freerun.parts.tasks import Data, Sequences, Task


class Player(ABC):
    """A source of known making that stands where a trained model does."""

    name: str

    @abstractmethod
    def play(
        self, task: Task, data: Data, sequences: Sequences, warmup: int, uniform: torch.Tensor
    ) -> tuple[Observed, Observed]:
        """Its forced and its free rollout over some sequences, the forced one beside the free one.

        Args:
            warmup: steps before the release.
            uniform: a draw for each step and sequence, ``Float[T N]``.
        """
