"""Accuracy: the share of steps at which the most probable symbol is the true one."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Metric, Observed
from freerun.store.quantity import SHARE, Quantity


@dataclass(kw_only=True)
class Accuracy(Metric):
    """The share of steps at which the most probable symbol is the true next one."""

    quantity = Quantity(
        label="Accuracy", unit="share", better="higher", range=SHARE, blind=("how probable the other symbols are held",)
    )

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.symbols

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return observed.mean((observed.outputs.argmax(-1) == observed.targets).double(), observed.weights)
