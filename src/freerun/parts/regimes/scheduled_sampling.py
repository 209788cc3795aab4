"""Scheduled sampling: a coin decides, for every sequence and every step, between the truth and the model's own output.

Bengio, Vinyals, Jaitly & Shazeer 2015 (arXiv 1506.03099), section 2.4: the truth is fed with probability eps_i at update i, by
one of four schedules (`freerun.parts.regimes._schedule`), falling or rising.

    m_t ~ Bernoulli(eps_i)

Where the model's own symbol was fed, the target y_t belongs to another context: the objective is improper (Huszar 2015), for
eps < 1 its optimum is not the true distribution. What it ends at decides how much: see `end` in `Scheduled`.

One coin for every step of every sequence is the paper's method, which found one coin for a sequence much worse. Published code
also tosses one for a step of the whole batch, for a whole batch (the sequence-to-sequence tutorial of PyTorch), or for a whole
epoch, under the same name; all are variants here, by the same streams:

    coin=sequence     m_t = [c_0 < eps_i],     c_0 the coin of the first step of the sequence in update i
    coin=batch_step   m_t = [c_t < eps_i],     c_t the coin of step t of the first sequence, for all sequences
    coin=batch        m_t = [c < eps_i],       c the first coin of update i, for all sequences and steps
    coin=epoch        m_t = [c < eps_e],       c the first coin of the epoch's first update e, for all sequences and steps
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.masked import MaskedByEpoch
from freerun.parts.regimes import Coin
from freerun.parts.regimes._schedule import Schedule, Scheduled

__all__ = ["Coin", "Schedule", "ScheduledSampling"]


@dataclass(kw_only=True)
class ScheduledSampling(Scheduled):
    """The truth is fed with a probability that moves over the updates; a fresh coin for every sequence and step.

    Attributes:
        coin: what one coin decides for: a `step` of a sequence, a whole `sequence`, a `batch_step`, which is a step of all
            sequences of a batch, a whole `batch`, or all of an `epoch`.
        epoch: updates of an epoch, for `coin=epoch`: training sequences / batch. The probability then moves once an epoch.
    """

    coin: Coin = Coin.step
    epoch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coin is Coin.epoch:
            require((self.epoch or 0) >= 1, "epoch", self.epoch, "be the updates of an epoch, task.sequences / training.batch")
        else:
            require(self.epoch is None, "epoch", self.epoch, f"be left out: it has no meaning for coin={self.coin.value}")

    def feeder(self) -> Feeder:
        always = super().feeder()
        return MaskedByEpoch(self, every=given(self.epoch)) if self.coin is Coin.epoch and not always.forced else always

    def probability(self, update: int, updates: int) -> float:
        return super().probability(update if self.epoch is None else update - update % self.epoch, updates)

    def mask(self, coins: Float[torch.Tensor, "T B"], update: int, updates: int) -> Float[torch.Tensor, "T B"]:
        first = {Coin.step: coins, Coin.sequence: coins[:1], Coin.batch_step: coins[:, :1]}.get(self.coin, coins[:1, :1])
        coins = first.expand_as(coins)
        return (coins < self.probability(update, updates)).to(coins.dtype)
