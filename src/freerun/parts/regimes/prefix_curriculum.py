"""Prefix curriculum: the truth is fed up to a step that moves over the updates, and never after it.

    m_t = 1 for t < k_i, then 0,    k_i = round(eps_i T)

with eps_i by schedule, falling or rising: the deterministic curricula of Teutsch & Maeder 2022 ("Flipped classroom", section
3), and, falling, the annealed start of MIXER (Ranzato et al. 2016, section 3.2.2). No coin is used. Within the prefix the
target is right for its context; after it the context is the model's own, and on a symbolic source the target belongs to
another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.regimes._schedule import Scheduled


@dataclass(kw_only=True)
class PrefixCurriculum(Scheduled):
    """Forced up to a step k_i, free after it; k_i is a scheduled share of the sequence."""

    tosses: ClassVar[bool] = False

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        steps = torch.arange(len(coins), device=coins.device)[:, None]
        return (steps < round(self.probability(update, updates) * len(coins))).to(coins.dtype).expand_as(coins)
