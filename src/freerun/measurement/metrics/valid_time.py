"""Valid prediction time of a free forecast.

The valid prediction time is how long the normalised error stays within a threshold after the release, in Lyapunov times
(Vlachas et al. 2020, "Backpropagation algorithms and reservoir computing ...", eq. 22).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.measurement.metrics import Metric, Observed
from freerun.measurement.metrics._true_flow import reaches_back
from freerun.measurement.metrics._valid import THRESHOLD, told, valid_steps
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class ValidTime(Metric):
    """Valid prediction time in Lyapunov times; a forecast that never fails counts as the whole horizon.

    How many of those there are says `valid_time_censored`: where it is not 0, the mean is too low.

    Attributes:
        threshold: the error that ends a forecast, in standard deviations of the training data.
    """

    per: ClassVar[str] = "rollout"
    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        require(self.threshold > 0, "threshold", self.threshold, "be positive")

    quantity = Quantity(
        label="Valid prediction time", unit="Lyapunov times", better="higher", range=FROM_0, floor="drift_valid_time",
        blind=("what comes after the first failure", "how much longer than the horizon a forecast would have held"),
        part="headline",
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.lyapunov_steps() is not None

    def quantity_of(self, observed: Observed) -> Quantity:
        floored = reaches_back(observed) and self.threshold == THRESHOLD  # the floor of another one is another number
        kept = self.quantity if floored else replace(self.quantity, floor=None)
        return replace(kept, unit=told(kept.unit, self.threshold))

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        time = given(observed.experiment.task.lyapunov_steps())
        steps, _ = valid_steps(observed, self.threshold)
        return (steps.double().mean() / time)[None]
