"""Feedback rules with one fault each."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from freerun.parts.feedback import one_hot
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.expected import Expected
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.none import Nothing
from freerun.parts.feedback.sample import Sample
from freerun.parts.feedback.straight_through import StraightThrough


class SampleIsArgmax(Sample):
    def __call__(self, outputs, uniform):
        return Argmax()(outputs, None)


class ArgmaxIsExpected(Argmax):
    def __call__(self, outputs, uniform):
        return torch.softmax(outputs.detach(), -1)


class SamplesTooSharply(Sample):
    """Samples at another temperature than the loss is taken at."""

    def __call__(self, outputs, uniform):
        return super().__call__(outputs * 1.1, uniform)


class OneDrawForTheBatch(Sample):
    def __call__(self, outputs, uniform):
        return super().__call__(outputs, uniform[:1].expand_as(uniform))


class LeakyArgmax(Argmax):
    """A straight-through gradient of the raw outputs that nobody declared."""

    def __call__(self, outputs, uniform):
        return one_hot(outputs.argmax(-1), outputs) + outputs - outputs.detach()


class OverflowingSoftmax(Expected):
    def __call__(self, outputs, uniform):
        return outputs.exp() / outputs.exp().sum(-1, keepdim=True)


class DetachedMean(Mean):
    def __call__(self, outputs, uniform):
        return outputs.detach()


class SaysItCarriesNothing(Mean):
    """Declares that there is no gradient to cut, and there is one."""

    carries = False


class SaysItCarriesSomething(Sample):
    """Declares a gradient that there is not: a cut would count as a setting."""

    carries = True


class ScaledMean(Mean):
    def __call__(self, outputs, uniform):
        return outputs * 0.9


class CentresInPlace(Expected):
    def __call__(self, outputs, uniform):
        with torch.no_grad():
            outputs -= outputs.max(-1, keepdim=True).values
        return torch.softmax(outputs, -1)


class SilenceOfZeros(Nothing):
    """Feeds zeros where it should feed nothing."""

    def __call__(self, outputs, uniform):
        return torch.zeros_like(outputs)


@dataclass(kw_only=True)
class FeedsTheLastCall(Mean):
    """One call late: what is fed is what came out the last time."""

    last: list = field(default_factory=list)

    def __call__(self, outputs, uniform):
        self.last.append(outputs)
        return self.last[-2] if len(self.last) > 1 and self.last[-2].shape == outputs.shape else outputs


class NeverStraightThrough(StraightThrough):
    """One-hot forward, and nothing backward."""

    def __call__(self, outputs, uniform):
        return super().__call__(outputs, uniform).detach()


class SoftBothWays(StraightThrough):
    """The soft choice is fed as well."""

    def __call__(self, outputs, uniform):
        return torch.softmax(outputs / self.temperature, -1)
