"""Censoring of the valid prediction time: the share of forecasts that outlast the horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.lazy import torch
from freerun.measurement.metrics import Metric, Observed
from freerun.measurement.metrics._valid import valid_steps
from freerun.store.quantity import SHARE, Quantity


@dataclass(kw_only=True)
class ValidTimeCensored(Metric):
    """The share of forecasts that have not failed at the end of the horizon; `valid_time` counts each as the whole horizon."""

    per: ClassVar[str] = "rollout"

    quantity = Quantity(
        label="Forecasts that outlast the horizon", unit="share", better="higher", range=SHARE, part="diagnostic"
    )

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.lyapunov_time() is not None

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        steps, whole = valid_steps(observed)
        return (steps == whole).double().mean()[None]
