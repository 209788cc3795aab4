"""How large is the loss that training charged?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Metric, Observed


@dataclass(kw_only=True)
class Loss(Metric):
    """The objective itself, measured against the truth at every step since the release."""

    def applies(self, observed: Observed) -> bool:
        return True

    def unit(self, observed: Observed) -> str:
        return str(observed.experiment.objective.unit)  # type: ignore[union-attr]

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        objective, targets = observed.experiment.objective, observed.targets
        assert objective is not None
        losses = objective(observed.outputs.double(), targets if objective.symbols else targets.double())
        return observed.mean(losses, observed.weights)
