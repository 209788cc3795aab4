"""Regimes with one fault each, all of them published as scheduled sampling or as forcing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from freerun.parts.feeders import Memory
from freerun.parts.feeders.masked import MaskedByEpoch
from freerun.parts.regimes import Coin, Regime
from freerun.parts.regimes.random_unrolling import RandomUnrolling
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from freerun.parts.regimes.teacher_forcing import TeacherForcing


class OneCoinForTheBatch(ScheduledSampling):
    """One coin decides for a whole update."""

    def mask(self, coins, update, updates):
        return super().mask(coins[:1, :1].expand_as(coins), update, updates)


class OneCoinForASequence(ScheduledSampling):
    def mask(self, coins, update, updates):
        return super().mask(coins[:1].expand_as(coins), update, updates)


class OneCoinForAStep(ScheduledSampling):
    def mask(self, coins, update, updates):
        return super().mask(coins[:, :1].expand_as(coins), update, updates)


class Opposite(ScheduledSampling):
    """The ratio is the model's share, not the truth's."""

    def mask(self, coins, update, updates):
        return 1 - super().mask(coins, update, updates)


class ItsOwnChance(ScheduledSampling):
    """Coins from a global generator: two regimes of one seed share nothing."""

    def mask(self, coins, update, updates):
        return super().mask(torch.rand_like(coins), update, updates)


class ChangesTheCoins(ScheduledSampling):
    def mask(self, coins, update, updates):
        return coins.sub_(self.probability(update, updates)).lt(0).to(coins.dtype)


@dataclass(kw_only=True)
class CountsItsCalls(ScheduledSampling):
    """The schedule moves whenever it is asked, so evaluation advances it."""

    calls: list = field(default_factory=list)

    def probability(self, update, updates):
        self.calls.append(update)
        return super().probability(len(self.calls), updates)


class PerEpoch(ScheduledSampling):
    """The schedule is that of the epoch, ten updates long; the claim that of the update."""

    def mask(self, coins, update, updates):
        return super().mask(coins, update // 10 * 10, updates)


class Overflows(Regime):
    """The inverse sigmoid as it is often written."""

    def probability(self, update, updates):
        return 10 / (10 + math.exp(update / 10))

    def mask(self, coins, update, updates):
        return (coins < self.probability(update, updates)).to(coins.dtype)


class GoesOn(Regime):
    """A linear schedule without its floor."""

    def probability(self, update, updates):
        return 1 - 1.5 * update / updates

    def mask(self, coins, update, updates):
        return torch.full_like(coins, self.probability(update, updates))


class ClaimsForcing(TeacherForcing):
    """Almost always forced is not always forced."""

    def mask(self, coins, update, updates):
        return (coins < 0.999).to(coins.dtype)


class Frozen(ScheduledSampling):
    """The schedule is announced, and the mask stays at its beginning."""

    def mask(self, coins, update, updates):
        return super().mask(coins, 0, updates)


class BlendsInSecret(ScheduledSampling):
    """Mixes by the probability instead of a coin, and does not say so."""

    def mask(self, coins, update, updates):
        return torch.full_like(coins, 0.5)


@dataclass(kw_only=True)
class ACoinOfItsOwnForEveryStep(ScheduledSampling):
    """Declares a coin for a sequence and tosses one for every step."""

    coin: Coin = Coin.sequence

    def mask(self, coins, update, updates):
        return (coins < self.probability(update, updates)).to(coins.dtype)


@dataclass(kw_only=True)
class OneCoinForAllSequences(ScheduledSampling):
    """Declares a coin for a sequence and lets the first sequence decide for all."""

    coin: Coin = Coin.sequence

    def mask(self, coins, update, updates):
        return super().mask(coins[:, :1].expand_as(coins), update, updates)


@dataclass(kw_only=True)
class TheLastCoin(ScheduledSampling):
    """The coin of another step: two variants of one seed do not share it."""

    coin: Coin = Coin.sequence

    def mask(self, coins, update, updates):
        return super().mask(coins.flip(0), update, updates)


@dataclass(kw_only=True)
class _Epochs(ScheduledSampling):
    """An epoch of three updates, with a probability that does not decide by itself."""

    coin: Coin = Coin.epoch
    epoch: int | None = 3
    start: float = 0.75
    end: float = 0.25


class _Tossing(MaskedByEpoch):
    def remember(self, batch, memory):
        return Memory(numbers={"coin": batch.draws("coins", batch.steps, batch.count)[0, :, 0].tolist()})


class TossesEveryUpdate(_Epochs):
    """A new coin in every update."""

    def feeder(self):
        return _Tossing(self, every=3)


class MovesWithinAnEpoch(_Epochs):
    """The probability goes on while the coin lies, so that the mask may turn over."""

    def probability(self, update, updates):
        return 1 - update / updates


class OppositeForAnEpoch(_Epochs):
    """The ratio is the model's share."""

    def mask(self, coins, update, updates):
        return 1 - super().mask(coins, update, updates)


@dataclass(kw_only=True)
class ACoinForEverySequence(ScheduledSampling):
    """Declares a coin for a batch, and every sequence has its own."""

    coin: Coin = Coin.batch

    def mask(self, coins, update, updates):
        return (coins[:1].expand_as(coins) < self.probability(update, updates)).to(coins.dtype)


@dataclass(kw_only=True)
class OneCoinForAllSteps(ScheduledSampling):
    """Declares a coin for a step of the batch, and tosses one for all steps."""

    coin: Coin = Coin.batch_step

    def mask(self, coins, update, updates):
        return super().mask(coins[:1].expand_as(coins), update, updates)


@dataclass(kw_only=True)
class OppositeForABatch(ScheduledSampling):
    """The ratio is the model's share."""

    coin: Coin = Coin.batch

    def mask(self, coins, update, updates):
        return 1 - super().mask(coins, update, updates)


class NeverTheLongest(RandomUnrolling):
    """The limit itself is never drawn."""

    def mask(self, coins, update, updates):
        return super().mask(coins * (1 - 1 / (self.longest(update, updates) + 1)), update, updates)


class OneStretchForEveryStep(RandomUnrolling):
    """Each step has a stretch of its own: a free run ends at random."""

    def mask(self, coins, update, updates):
        return (coins < self.probability(update, updates)).to(coins.dtype)
