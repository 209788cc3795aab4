"""Regime: the truth at every other step, the model's own output between."""

from dataclasses import dataclass

import torch

from freerun import Regime


@dataclass(kw_only=True)
class EveryOther(Regime):
    """The truth at every `period`-th step, the model's own output between."""

    period: int = 2

    def probability(self, update, updates):
        return 1 / self.period

    def mask(self, coins, update, updates):
        return (torch.arange(len(coins))[:, None] % self.period == 0).to(coins.dtype).expand_as(coins)
