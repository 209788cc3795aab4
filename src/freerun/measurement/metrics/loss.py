"""How large is the loss that training charged?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.errors import given
from freerun.lazy import torch
from freerun.measurement.metrics import Metric, Observed


@dataclass(kw_only=True)
class Loss(Metric):
    """The objective itself, measured against the truth at every step since the release."""

    def applies(self, observed: Observed) -> bool:
        return True

    def unit(self, observed: Observed) -> str:
        return given(observed.experiment.objective).unit(observed.experiment.task.symbols)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        objective, targets = given(observed.experiment.objective), observed.targets
        losses = objective(observed.outputs.double(), targets.double() if targets.is_floating_point() else targets)
        return observed.mean(losses, observed.weights)
