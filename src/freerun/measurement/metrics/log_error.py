"""Logarithm of the error, a mean over sequences: its slope is the rate at which errors grow.

    log_error_t = < ln |o_t - y_t| > ,      | |: root mean square over coordinates

A root mean square over sequences is that of the few that have grown furthest, and grows otherwise than any of them; the mean of
the logarithm grows by the Lyapunov exponent (Lorenz 1996, "Predictability"; Boffetta, Cencini, Falcioni & Vulpiani 2002, Phys.
Rep. 356, 367, section 2.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Metric, Observed
from freerun.measurement.metrics._true_flow import free_squares, step_log
from freerun.store.quantity import COLLAPSE, WORLDS_GROWTH, Quantity


@dataclass(kw_only=True)
class LogError(Metric):
    """The mean logarithm of the error at every step since the release; an error below rounding counts as rounding."""

    quantity = Quantity(
        label="Mean log error", unit="ln scaled", better="lower", range=(-math.inf, math.inf), scale="logarithm",
        blind=(COLLAPSE, WORLDS_GROWTH), floor="drift_log_error",
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.lyapunov_steps() is not None

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=f"ln {observed.experiment.task.unit or 'scaled'}")

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return step_log(free_squares(observed), observed.weights)
