"""Forecast as a distribution at each lead: in closed form, or an ensemble of sampled rollouts of each sequence.

Forced, and where nothing is drawn in the closed loop, it is the distribution that the model predicts of the next value, given
what it was fed. Where values are drawn (`feedback=sample`) the free forecast is an ensemble of further rollouts of the same
sequences, with draws of their own: the distribution of a lead given the last true value, which no single rollout has.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Further, Metric, Observed
from freerun.parts.gaussians import Gaussians
from freerun.parts.tasks import Sequences
from freerun.store.quantity import Quantity

#: Rollouts of each sequence: of 39 values the 2nd and the 38th enclose just 90 % of what is drawn as they are.
MEMBERS = 39


@dataclass(kw_only=True)
class OfForecast(Metric):
    """A measure of the predicted distribution at each step since the release."""

    of_distributions: ClassVar[bool] = True

    def applies(self, observed: Observed) -> bool:
        return observed.numbers is not None and len(observed.numbers) == len(observed.fed)

    def quantity_of(self, observed: Observed) -> Quantity:
        unit = observed.experiment.task.unit
        return replace(self.quantity, unit=unit) if unit and self.quantity.unit == "scaled" else self.quantity

    def asks(self, observed: Observed) -> Further | None:
        feedback = given(observed.experiment.feedback)
        if observed.forced is None or not feedback.random:
            return None
        further: Further = observed.once("ensemble", lambda: _repeated(observed))
        return further

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        targets = observed.targets.double()
        if observed.further is None:
            return self.summary(observed, *self.of_law(observed.distributions, targets))
        steps, count, _ = targets.shape
        members = observed.further.fed.double().reshape(steps, count, MEMBERS, -1)
        return self.summary(observed, *self.of_members(members, targets))

    def summary(self, observed: Observed, *parts: Float[torch.Tensor, "T N"]) -> Float[torch.Tensor, " S"]:
        """The value at each step, of what is known of each sequence: by default its mean; undefined where it is infinite."""
        mean = observed.mean(parts[0], observed.weights)
        return torch.where(mean.isinf(), torch.nan, mean)

    @abstractmethod
    def of_law(self, law: Gaussians, targets: Float[torch.Tensor, "T N Y"]) -> tuple[Float[torch.Tensor, "T N"], ...]:
        """What is measured of each sequence, of distributions in closed form."""

    @abstractmethod
    def of_members(
        self, members: Float[torch.Tensor, "T N M Y"], targets: Float[torch.Tensor, "T N Y"]
    ) -> tuple[Float[torch.Tensor, "T N"], ...]:
        """The same of an ensemble."""


def _repeated(observed: Observed) -> Further:
    """Every sequence as often as there are members, one after the other."""

    def often(x: torch.Tensor, axis: int) -> torch.Tensor:
        return x.repeat_interleave(MEMBERS, axis)

    sequences = Sequences(
        targets=often(observed.targets, 1),
        start=often(given(observed.start), 0),
        weights=often(observed.weights, 1),
        inputs=None if observed.inputs is None else often(observed.inputs, 1),
    )
    return Further(sequences=sequences, release=observed.warmup, name="ensemble")
