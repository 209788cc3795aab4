"""Random unrolling: the model runs on its own for a number of steps that is drawn anew for every sequence of every update.

    n ~ uniform on {0, ..., N_i},   m_t = [(t + phase) mod (n + 1) = 0],   phase ~ uniform on {0, ..., n}

so that n free steps follow every truth. N_i moves evenly from `first` at update 0 to `last`, and the mean of n with it. The
code of the pushforward trick draws the number of unrolled steps evenly from 0 up to a limit that grows by one an epoch
(Brandstetter, Worrall & Welling 2022, "Message passing neural PDE solvers", section 3.1 and its published training loop), once
for a batch, here for each of its sequences. With ``objective=pushforward`` it is their trick with that draw: the last of n + 1
steps is charged, and the gradient runs through it alone.

One coin c of a sequence, that of its first step, decides for both: n = floor(c (N_i + 1)), and the phase is the same share of
n + 1 that is left over. The share of truth is the mean of 1 / (n + 1), at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.forced import Forced
from freerun.parts.regimes import Coin, Regime


@dataclass(kw_only=True)
class RandomUnrolling(Regime):
    """The truth after every n free steps, n drawn for each sequence in each update from a distribution that moves.

    Attributes:
        first, last: N, the most steps that are drawn, at update 0 and in the end, at least 0; the mean is half of it.
        span: the share of the updates after which N has reached `last`.
    """

    coin: ClassVar[Coin] = Coin.sequence
    draws_stretches: ClassVar[bool] = True

    first: int = 0
    last: int = 5
    span: float = 1.0

    def __post_init__(self) -> None:
        require(0 <= self.first <= 10_000, "first", self.first, "lie in 0 to 10000")
        require(0 <= self.last <= 10_000, "last", self.last, "lie in 0 to 10000")
        require(0 < self.span <= 1, "span", self.span, "lie in (0, 1]")

    def feeder(self) -> Feeder:
        return Forced(self) if self.first == self.last == 0 else super().feeder()

    def comes_to(self, steps: range) -> str | None:
        """See `Regime.comes_to`: where no free step is ever drawn."""
        return "teacher_forcing" if self.first == self.last == 0 else None

    def longest(self, update: int, updates: int) -> int:
        """Return N, the most free steps that are drawn at an update."""
        way = min(1.0, update / max(1.0, self.span * (updates - 1)))
        return int(self.first + (self.last - self.first) * way + 0.5)

    def probability(self, update: int, updates: int) -> float:
        most = self.longest(update, updates)
        return min(1.0, sum(1 / (n + 1) for n in range(most + 1)) / (most + 1))

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        drawn = coins[:1].double() * (self.longest(update, updates) + 1)
        period = drawn.floor() + 1
        phase = ((drawn - drawn.floor()) * period).floor()
        steps = torch.arange(len(coins), device=coins.device)[:, None]
        return ((steps + phase) % period == 0).to(coins.dtype)
