"""Scheduled sampling: a coin decides, for every sequence and every step, between the truth and the model's own output.

Bengio, Vinyals, Jaitly & Shazeer 2015 (arXiv 1506.03099), section 2.4: the truth is fed with probability eps_i at update i, by
one of four schedules (`freerun.parts.regimes._schedule`), falling or rising.

    m_t ~ Bernoulli(eps_i)

Where the model's own symbol was fed, the target y_t belongs to another context: the objective is improper (Huszar 2015), for
eps < 1 its optimum is not the true distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.parts.regimes._schedule import Schedule, Scheduled

__all__ = ["Schedule", "ScheduledSampling"]


@dataclass(kw_only=True)
class ScheduledSampling(Scheduled):
    """The truth is fed with a probability that moves over the updates; a fresh coin for every sequence and step."""

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        return (coins < self.probability(update, updates)).to(coins.dtype)
