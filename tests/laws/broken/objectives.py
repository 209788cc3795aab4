"""Objectives with one fault each."""

from __future__ import annotations

import torch

from freerun.parts.objectives.absolute_error import AbsoluteError
from freerun.parts.objectives.cross_entropy import CrossEntropy
from freerun.parts.objectives.gaussian_likelihood import GaussianLikelihood
from freerun.parts.objectives.huber import Huber
from freerun.parts.objectives.squared_error import SquaredError


class Averages(SquaredError):
    """One loss for all."""

    def __call__(self, outputs, targets):
        return super().__call__(outputs, targets).mean().expand(outputs.shape[:-1])


class LosesTheSign(SquaredError):
    """The error, not its square."""

    def __call__(self, outputs, targets):
        return (outputs - targets).sum(-1)


class Smoothed(CrossEntropy):
    """Undeclared label smoothing: the right answer, given for sure, still costs."""

    def __call__(self, outputs, targets):
        return super().__call__(outputs, targets) - 0.1 * torch.log_softmax(outputs, -1).mean(-1)


class CentresTheTargets(SquaredError):
    def __call__(self, outputs, targets):
        return super().__call__(outputs, targets.sub_(targets.mean()))


class MeanSquareRoot(AbsoluteError):
    """The length of the error instead of the mean of its coordinates."""

    def __call__(self, outputs, targets):
        return (outputs - targets).square().mean(-1).sqrt()


class HalfAbsolute(Huber):
    """The two halves do not meet at delta."""

    def __call__(self, outputs, targets):
        error = (outputs - targets).abs()
        return torch.where(error <= self.delta, 0.5 * error.square(), self.delta * error).mean(-1)


class WithoutItsNormalisation(GaussianLikelihood):
    """The squared error in units of the predicted spread: the wider, the cheaper."""

    def __call__(self, outputs, targets):
        law = self.head.distribution(outputs)
        return (((targets[..., None, :] - law.means) / law.scales).square().sum(-1) / 2)[..., 0]
