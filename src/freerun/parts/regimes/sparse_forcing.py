"""Sparse forcing: the truth is fed at every tau-th step.

    m_t = 1 where (t - phase) mod tau = 0, else 0        (Mikhaeil, Monfared & Durstewitz 2022, section 3.3, with interval tau)

With ``phase = tau - 1`` the truth is fed before every block of tau steps: k-step unrolling with k = tau. With tau = 1 it is
teacher forcing. A forced step's target is right for its context; the steps between were reached by the model itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.forced import Forced
from freerun.parts.regimes import Regime


@dataclass(kw_only=True)
class SparseForcing(Regime):
    """The truth at every tau-th step, the model's own output between.

    Attributes:
        tau: steps from one truth to the next.
        phase: the first step after which the truth is fed, 0 to tau - 1.
    """

    tosses: ClassVar[bool] = False

    tau: int = 10
    phase: int = 0

    def __post_init__(self) -> None:
        require(self.tau >= 1, "tau", self.tau, "be at least 1")
        require(0 <= self.phase < self.tau, "phase", self.phase, f"lie in 0 to tau - 1 ({self.tau - 1})")

    def feeder(self) -> Feeder:
        return Forced(self) if self.tau == 1 else super().feeder()

    def comes_to(self, steps: range) -> str | None:
        """See `Regime.comes_to`: where no step, or every one, is forced."""
        forced = {(step - self.phase) % self.tau == 0 for step in steps}
        return ("teacher_forcing" if forced.pop() else "free_running") if len(forced) == 1 else None

    def probability(self, update: int, updates: int) -> float:
        return 1 / self.tau

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        steps = torch.arange(len(coins), device=coins.device)[:, None]
        return ((steps - self.phase) % self.tau == 0).to(coins.dtype).expand_as(coins)
