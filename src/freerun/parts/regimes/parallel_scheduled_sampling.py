"""Parallel scheduled sampling: coins mix whole sequences between parallel passes, instead of steps in the loop.

Pass 0 runs on the truth; pass j runs on a sequence in which a coin chose, step by step, between the truth and what the model
says after pass j - 1; the last pass is charged (Mihaylova & Martins 2019, "Scheduled sampling for transformers", section 3,
with one pass; Duckworth et al. 2019, "Parallel scheduled sampling", algorithm 1, with several).

    f^(0) = e(y),   f^(j)_t = m_t e(y_t) + (1 - m_t) phi(o^(j-1)_t),   m_t ~ Bernoulli(eps_i)

Each pass is as fast as teacher forcing. With as many passes as steps it is scheduled sampling, entry by entry; with fewer, a
symbol is drawn after a context in which later choices were not yet made. Where an own symbol was fed the target y_t belongs to
another context, as in scheduled sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.parallel_passes import ParallelPasses
from freerun.parts.regimes._schedule import Scheduled


@dataclass(kw_only=True)
class ParallelScheduledSampling(Scheduled):
    """Scheduled sampling by parallel passes over whole sequences.

    Attributes:
        mixing: passes before the one that is charged.
    """

    mixing: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.mixing >= 1, "mixing", self.mixing, "be at least 1")

    def feeder(self) -> Feeder:
        always = super().feeder()
        return always if always.forced else ParallelPasses(self, passes=self.mixing)

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        return (coins < self.probability(update, updates)).to(coins.dtype)
