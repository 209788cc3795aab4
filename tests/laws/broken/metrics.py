"""Metrics with one fault each."""

from __future__ import annotations

from dataclasses import replace

import torch

from freerun.measurement.metrics.accuracy import Accuracy
from freerun.measurement.metrics.crps import CRPS
from freerun.measurement.metrics.kl import KL
from freerun.measurement.metrics.loss import Loss
from freerun.measurement.metrics.rmse import RMSE


class CountsTheWarmup(RMSE):
    def measure(self, observed):
        error = (observed.outputs.double() - observed.targets.double()).square().mean()
        return super().measure(observed) + error


class CountsThePadding(Loss):
    def measure(self, observed):
        return super().measure(replace(observed, weights=torch.ones_like(observed.weights)))


class TheFirstSequence(Accuracy):
    """One sequence stands for all."""

    def measure(self, observed):
        hits = (observed.outputs.argmax(-1) == observed.targets)[observed.warmup :, :1].double()
        return hits.mean(1)


class InfiniteKL(KL):
    """Averages over prefixes outside the support, where the true distribution is undefined."""

    def measure(self, observed):
        truth = observed.truth()
        model = torch.log_softmax(observed.outputs.double(), -1)
        terms = (model.exp() * (model - truth.log_probs)).sum(-1)
        return terms[observed.warmup :].mean(1)


class NormalisesInPlace(Loss):
    def measure(self, observed):
        observed.outputs.sub_(observed.outputs.max())
        return super().measure(observed)


class StopsWithTheModel(Loss):
    """Charges a sequence only until the model itself picks the end: ending at once is then the best."""

    def measure(self, observed):
        open_ = observed.picks != observed.data.outputs - 1
        still = torch.cat([torch.ones_like(open_[:1]), open_.cumprod(0)[:-1].bool()])
        return torch.nan_to_num(super().measure(replace(observed, weights=observed.weights * still)))


class ZeroWhereNothingCounts(Loss):
    """0/0 is 0."""

    def measure(self, observed):
        return torch.nan_to_num(super().measure(observed))


class SaysNothing(Loss):
    """Its unit is a blank."""

    def quantity_of(self, observed):
        found = super().quantity_of(observed)
        object.__setattr__(found, "unit", " ")
        return found


class TwoMinds(Accuracy):
    """Says that more is better, and where it is measured that less is."""

    def quantity_of(self, observed):
        return replace(self.quantity, better="lower")


class NegativeRMSE(RMSE):
    """An error below 0, which it says never is."""

    def measure(self, observed):
        return -super().measure(observed)


class ShareInPercent(Accuracy):
    """A share between 0 and 100 that is declared to lie between 0 and 1."""

    def measure(self, observed):
        return 100 * super().measure(observed)


class LessAccuracyIsBetter(Accuracy):
    quantity = replace(Accuracy.quantity, better="lower")


class MoreKLIsBetter(KL):
    quantity = replace(KL.quantity, better="higher")


class BetterThanWhat(Accuracy):
    """The same for every model, and better for none."""

    def measure(self, observed):
        return torch.full_like(super().measure(observed), 0.5)


class RewardsSharpness(CRPS):
    """The distance from the truth alone, without what the members differ: one sure value has less of it."""

    def of_members(self, members, targets):
        return ((members - targets[..., None, :]).abs().mean((-1, -2)),)


class OfTheMean(CRPS):
    """The error of the mean: nothing is known of the spread."""

    def of_law(self, law, targets):
        return ((law.mean() - targets).abs().mean(-1),)
