"""How far off is a prediction, in units of the data's spread?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.arithmetic import root
from freerun.lazy import torch
from freerun.measurement.metrics import Metric, Observed


@dataclass(kw_only=True)
class RMSE(Metric):
    """Root of the squared error, averaged over coordinates and sequences, in standard deviations of the training data."""

    def applies(self, observed: Observed) -> bool:
        return not observed.experiment.task.symbols

    def unit(self, observed: Observed) -> str:
        return observed.experiment.task.unit or "scaled"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        squares = (observed.outputs.double() - observed.targets.double()).square().mean(-1)
        return root(observed.mean(squares, observed.weights))
