"""Normalised error over one Lyapunov time, the median over windows.

Per step and window the root mean square of the error over coordinates, in the system's own units, is divided by the mean over
coordinates of their standard deviations; then the mean over the steps of one Lyapunov time after the release, and the median
over windows (Teutsch & Maeder 2022, "Flipped classroom", section 4, by the code that goes with it). The standard deviations
are those of the training data; the authors take all of the recording. Of an even number of windows the lower of the two in the
middle is the median, as there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Float

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.measurement.metrics import Metric, Observed
from freerun.store.quantity import COLLAPSE, FROM_0, WORLDS_GROWTH, Quantity

#: What an error is divided by: the mean of the coordinates' standard deviations, or each coordinate's by its own.
SCALES = ("mean", "own")


@dataclass(kw_only=True)
class NRMSE(Metric):
    """Median over windows of the mean normalised error over one Lyapunov time; undefined where the horizon is shorter.

    Attributes:
        window: how far errors are averaged from the release on, in Lyapunov times.
        scale: `mean` divides the error by the mean of the coordinates' standard deviations, as published; `own` divides each
            coordinate's error by its own, before the root mean square over coordinates.
    """

    per: ClassVar[str] = "rollout"
    window: float = 1.0
    scale: str = "mean"

    def __post_init__(self) -> None:
        require(self.window > 0, "window", self.window, "be positive")
        require(self.scale in SCALES, "scale", self.scale, f"be one of {', '.join(SCALES)}")

    quantity = Quantity(
        label="NRMSE over a Lyapunov time", unit="mean training std, over 1 Lyapunov time", better="lower", range=FROM_0,
        floor=0.0, blind=(WORLDS_GROWTH, COLLAPSE),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.lyapunov_steps() is not None and observed.data.std is not None

    def quantity_of(self, observed: Observed) -> Quantity:
        times = f"{self.window:g} Lyapunov time{'s' * (self.window != 1)}"
        by = "mean training std" if self.scale == "mean" else "training std of each coordinate"
        label = self.quantity.label if self.window == 1 else f"NRMSE over {times}"
        return replace(self.quantity, label=label, unit=f"{by}, over {times}")

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        steps = round(self.window * given(observed.experiment.task.lyapunov_steps()))
        end = observed.warmup + steps
        if not steps or end > len(observed.targets):
            return torch.tensor([torch.nan], dtype=torch.float64)
        errors = (observed.outputs.double() - observed.targets.double())[observed.warmup : end]
        weights = observed.weights[observed.warmup : end]
        whole = (weights > 0).all(0)
        if self.scale == "mean":
            std = given(observed.data.std).double()
            errors = errors * (std / std.mean())
        per_window = root(errors.square().mean(-1)).mean(0)[whole]
        # a window that broke down is worse than any other
        per_window = torch.where(torch.isfinite(per_window), per_window, torch.inf)
        middle = per_window.median() if len(per_window) else torch.tensor(torch.nan, dtype=torch.float64)
        return torch.where(torch.isfinite(middle), middle, torch.nan)[None]
