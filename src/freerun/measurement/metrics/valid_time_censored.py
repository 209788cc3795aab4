"""Censoring of the valid prediction time: the share of forecasts that outlast the horizon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.measurement.metrics import Metric, Observed
from freerun.measurement.metrics._valid import THRESHOLD, told, valid_steps
from freerun.store.quantity import SHARE, Quantity


@dataclass(kw_only=True)
class ValidTimeCensored(Metric):
    """The share of forecasts that have not failed at the end of the horizon; `valid_time` counts each as the whole horizon.

    Attributes:
        threshold: the error that ends a forecast, in standard deviations of the training data.
    """

    per: ClassVar[str] = "rollout"
    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        require(self.threshold > 0, "threshold", self.threshold, "be positive")

    quantity = Quantity(
        label="Forecasts that outlast the horizon", unit="share", better="higher", range=SHARE, part="diagnostic"
    )

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.lyapunov_steps() is not None

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=told(self.quantity.unit, self.threshold))

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        steps, whole = valid_steps(observed, self.threshold)
        return (steps == whole).double().mean()[None]
