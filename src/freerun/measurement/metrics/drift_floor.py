"""Drift floor: the truth with a fresh error of the model's own forced size at every step.

    z_k = F(z_{k-1}) + e_k ,      z_0: the last true state that was fed

where e_k is a one-step error that the model made at a true state k steps after the release, on another sequence and with a
sign drawn for it: as large as the model's own, and without memory. A model without any exposure bias makes such an error at
every step, and the world carries each of them on. So what lies between the forced error and this floor is accumulation; what
lies above it, the model has added: larger errors at its own states, and errors that hang together. (`chaos_floor` carries on
the first error alone.)
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Comparison, Metric, Observed, family
from freerun.measurement.metrics._true_flow import Drift, drifts, reaches_back, step_log, step_rms
from freerun.measurement.metrics._valid import valid_until
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class OfDrift(Comparison):
    """A measure of the truth with fresh errors."""

    def applies(self, observed: Observed) -> bool:
        return reaches_back(observed) and observed.forced is not None

    def together(self, observed: list[Observed]) -> None:
        drifts(observed)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        (drift,) = drifts([observed])
        return self.of(drift, observed)

    @abstractmethod
    def of(self, drift: Drift, observed: Observed) -> Float[torch.Tensor, " S"]:
        """The values."""


@dataclass(kw_only=True)
class DriftFloor(OfDrift):
    """The error of the truth with a fresh error of the model's own forced size at every step, by lead time, as `rmse`."""

    quantity = Quantity(
        label="Drift floor",
        unit="scaled",
        better="neither",
        range=FROM_0,
        scale="ratio",
        account="drift floor",
        part="diagnostic",
    )

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=observed.experiment.task.unit or "scaled")

    def of(self, drift: Drift, observed: Observed) -> Float[torch.Tensor, " S"]:
        return step_rms(drift.forced, observed.weights)


@dataclass(kw_only=True)
class DriftLogError(OfDrift):
    """The mean log error of the truth with a fresh error at every step, as `log_error`."""

    quantity = Quantity(
        label="Mean log error, drift floor", unit="ln scaled", better="neither", scale="logarithm", part="diagnostic"
    )

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=f"ln {observed.experiment.task.unit or 'scaled'}")

    def of(self, drift: Drift, observed: Observed) -> Float[torch.Tensor, " S"]:
        return step_log(drift.forced, observed.weights)


@dataclass(kw_only=True)
class DriftValidTime(OfDrift):
    """The valid prediction time of the truth with a fresh error at every step, as `valid_time`."""

    per: ClassVar[str] = "rollout"

    quantity = Quantity(
        label="Valid prediction time, drift floor", unit="Lyapunov times", better="neither", range=FROM_0, part="diagnostic"
    )

    def applies(self, observed: Observed) -> bool:
        return super().applies(observed) and observed.experiment.task.lyapunov_steps() is not None

    def of(self, drift: Drift, observed: Observed) -> Float[torch.Tensor, " S"]:
        steps, _ = valid_until(drift.forced, observed)
        return (steps.double().mean() / given(observed.experiment.task.lyapunov_steps()))[None]


PARTS: dict[str, type[Metric]] = {
    **family(DriftFloor, {"drift_floor": {"__doc__": DriftFloor.__doc__}}),
    **family(DriftLogError, {"drift_log_error": {"__doc__": DriftLogError.__doc__}}),
    **family(DriftValidTime, {"drift_valid_time": {"__doc__": DriftValidTime.__doc__}}),
}
