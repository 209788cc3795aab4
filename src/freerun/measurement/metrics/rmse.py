"""Root mean square error, in standard deviations of the training data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Float

from freerun.arithmetic import mean_over_coordinates, root
from freerun.deferred_imports import torch
from freerun.measurement.metrics import Metric, Observed
from freerun.store.quantity import COLLAPSE, FROM_0, WORLDS_GROWTH, Quantity


@dataclass(kw_only=True)
class RMSE(Metric):
    """Root of the squared error, averaged over coordinates and sequences, in standard deviations of the training data.

    In a chaotic world it is no headline but a companion: every error grows there until the error says nothing, and a forecast
    that shrinks, or goes nowhere, is rewarded.
    """

    quantity = Quantity(
        label="RMSE", unit="scaled", better="lower", range=FROM_0, scale="ratio", floor="chaos_floor", part="headline"
    )

    def applies(self, observed: Observed) -> bool:
        return not observed.experiment.task.symbols

    def quantity_of(self, observed: Observed) -> Quantity:
        task = observed.experiment.task
        floor = "chaos_floor" if task.continues else None
        quantity = replace(self.quantity, unit=task.unit or "scaled", floor=floor)
        # a chaotic world saturates it: whoever goes nowhere has the smaller error then
        if task.lyapunov_steps() is None:
            return quantity
        return replace(quantity, blind=(WORLDS_GROWTH, COLLAPSE), part="companion")

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        squares = mean_over_coordinates((observed.outputs.double() - observed.targets.double()).square())
        return root(observed.mean(squares, observed.weights))
