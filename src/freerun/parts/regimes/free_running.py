"""Free running: the model's own output is fed at every step, the truth never.

    m_t = 0        after the warm-up

This is what teacher forcing was set against (Williams & Zipser 1989). On a symbolic source the target y_t is charged in a
context that it does not belong to; on an orbit it pulls the model back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.regimes import Regime


@dataclass(kw_only=True)
class FreeRunning(Regime):
    """Closed-loop training: the model's own output is fed at every step after the warm-up."""

    tosses: ClassVar[bool] = False

    def probability(self, update: int, updates: int) -> float:
        return 0.0

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        return torch.zeros_like(coins)
