"""Normalised error over one Lyapunov time, the median over windows.

Per step and window the error is divided by the standard deviation of the training data, coordinate by coordinate, and its root
mean square over coordinates taken; then the mean over the steps of one Lyapunov time after the release, and the median over
windows (Teutsch & Maeder 2022, "Flipped classroom", section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Metric, Observed
from freerun.store.quantity import COLLAPSE, FROM_0, WORLDS_GROWTH, Quantity


@dataclass(kw_only=True)
class NRMSE(Metric):
    """Median over windows of the mean normalised error over one Lyapunov time; undefined where the horizon is shorter."""

    per: ClassVar[str] = "rollout"

    quantity = Quantity(
        label="NRMSE over a Lyapunov time", unit="training std, over one Lyapunov time", better="lower", range=FROM_0,
        floor=0.0, blind=(WORLDS_GROWTH, COLLAPSE),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.lyapunov_steps() is not None and observed.data.std is not None

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        steps = round(given(observed.experiment.task.lyapunov_steps()))
        end = observed.warmup + steps
        if not steps or end > len(observed.targets):
            return torch.tensor([torch.nan], dtype=torch.float64)
        errors = (observed.outputs.double() - observed.targets.double())[observed.warmup : end]
        weights = observed.weights[observed.warmup : end]
        whole = (weights > 0).all(0)
        per_window = root(errors.square().mean(-1)).mean(0)[whole]
        # a window that broke down is worse than any other
        per_window = torch.where(torch.isfinite(per_window), per_window, torch.inf)
        middle = torch.quantile(per_window, 0.5) if len(per_window) else torch.tensor(torch.nan, dtype=torch.float64)
        return torch.where(torch.isfinite(middle), middle, torch.nan)[None]
