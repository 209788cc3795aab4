"""Data as demonstrator: the model's own rollouts become training inputs, each with the true next step as target.

Venkatraman, Hebert & Bagnell 2015, algorithm 1 (the meta-algorithm DAgger for time series): train on the truth; roll out;
add the pairs (own state at t, true value at t + 1) to the data; go on with all data gathered so far.

    D_0 = {(y_{t-1}, y_t)},   D_n = D_{n-1} + {(f^n_{t-1}, y_t)},   f^n rolled out free by the model after stage n

The updates are cut into `iterations` + 1 stages of equal length. In stage n each batch is dealt evenly to the n + 1 data sets,
so that every step is charged once. The rollouts carry no gradient; they are made again by the weights of their stage when a
batch asks for them, which gives the same data as keeping them (for rules that draw, freshly drawn ones). The weights go on
from stage to stage; nothing is trained from scratch. The target corrects an own state on an orbit; on a symbolic source it
belongs to another context.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.aggregated import Aggregated
from freerun.parts.regimes import Regime


@dataclass(kw_only=True)
class DataAsDemonstrator(Regime):
    """Aggregated training data: the truth and the model's own rollouts of earlier stages, with true targets.

    Attributes:
        iterations: how often the model's rollouts are added.
    """

    iterations: int = 3

    def __post_init__(self) -> None:
        require(1 <= self.iterations <= 64, "iterations", self.iterations, "lie in 1 to 64")

    def feeder(self) -> Feeder:
        return Aggregated(self, rollouts=self.iterations)

    def sets(self, update: int, updates: int) -> int:
        return 1 + min(self.iterations, update * (self.iterations + 1) // max(1, updates))

    def dealt(self, batch: int, update: int, updates: int) -> Int[torch.Tensor, " B"]:
        return (torch.arange(batch) + update) % self.sets(update, updates)

    def probability(self, update: int, updates: int) -> float:
        """Return the share of sequences that are fed the truth."""
        return 1 / self.sets(update, updates)

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        """1 for the sequences that are fed the truth; they change places from update to update."""
        truth = self.dealt(coins.shape[1], update, updates) == 0
        return truth.to(coins).expand_as(coins)
