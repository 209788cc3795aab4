"""Noisy forcing: the truth is fed, disturbed by noise.

The mask is 1 on a truth that was disturbed, so that a model learns to come back from small errors of its own (input noise: Jim,
Giles & Horne 1996; for closed-loop forecasts, e.g., Wikner et al. 2024).

    values:   f_t = y_t + noise n_t,   n_t ~ N(0, 1), in units of the scaled data
    symbols:  f_t = e(y_t), with probability `noise` e(k) for a k drawn evenly from all symbols

The target is the undisturbed truth: right for a context near the one that was fed. The warm-up and every evaluation are
undisturbed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.feedback import one_hot
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.forced import Blurred
from freerun.parts.regimes import Regime

if TYPE_CHECKING:
    from freerun.parts.experiment_protocol import Experiment


@dataclass(kw_only=True)
class NoisyForcing(Regime):
    """Teacher forcing on a blurred truth.

    Attributes:
        noise: the standard deviation of the noise on values; for symbols the probability, at most 1, of a random one.
    """

    noise: float = 0.1

    def __post_init__(self) -> None:
        require(0 < self.noise < math.inf, "noise", self.noise, "be positive")

    def misfit(self, experiment: Experiment) -> str | None:
        if experiment.task.symbols and self.noise > 1:
            return f"noise is a probability for symbols and must be at most 1, got {self.noise}"
        return None

    def feeder(self) -> Feeder:
        return Blurred(self)

    def blur(
        self, truth: Float[torch.Tensor, "T B F"], noise: Float[torch.Tensor, "T B N"], symbols: bool
    ) -> Float[torch.Tensor, "T B F"]:
        if not symbols:
            return truth + self.noise * noise
        drawn = (noise[..., 1] * truth.shape[-1]).long().clamp(max=truth.shape[-1] - 1)
        return torch.where((noise[..., 0] < self.noise)[..., None], one_hot(drawn, truth), truth)

    def probability(self, update: int, updates: int) -> float:
        return 1.0

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        return torch.ones_like(coins)
