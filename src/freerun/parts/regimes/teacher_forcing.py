"""Teacher forcing: the truth is fed at every step.

    m_t = 1        (Williams & Zipser 1989)

The target is right for the context, but the context is never the model's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.forced import Forced
from freerun.parts.regimes import Regime


@dataclass(kw_only=True)
class TeacherForcing(Regime):
    """Strict teacher forcing: the truth is fed at every step."""

    def feeder(self) -> Feeder:
        return Forced(self)

    def probability(self, update: int, updates: int) -> float:
        return 1.0

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        return torch.ones_like(coins)
