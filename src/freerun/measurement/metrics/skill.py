"""Error of a free forecast in units of the better of two that know nothing of what is to come: the mean and persistence.

    rms |o_t - y_t| / min( rms |m - y_t| , rms |y_w - y_t| )

over all steps since the release; m is the mean of what training sees, y_w what was fed last before the release. For values with
noise, whose next one no model can know: the mean given the past has the smallest error there is, and 1 is what needs no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Metric, Observed
from freerun.measurement.metrics._true_flow import free_squares
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class Skill(Metric):
    """The error over all steps in units of that of the mean or of persistence, whichever is smaller: below 1 is skill."""

    per: ClassVar[str] = "rollout"

    quantity = Quantity(
        label="Error over that of mean or persistence", unit="the better of both", better="lower", range=FROM_0, scale="ratio",
        blind=("how the values of a forecast spread: the mean of all that can come is the best",),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        task = observed.experiment.task
        return not task.symbols and task.emits == "each" and task.remembers is None and observed.data.inputs == 0

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        first, targets = observed.warmup, observed.targets.double()
        last = targets[first - 1] if first else given(observed.start).double()
        mean = observed.data.splits["train"].targets[: observed.experiment.task.length].double().mean((0, 1))
        counts = observed.weights[first:] > 0
        free, still, middle = (
            torch.where(counts, squares, 0.0).sum()
            for squares in (
                free_squares(observed),
                *((targets[first:] - forecast).square().mean(-1) for forecast in (last, mean)),
            )
        )
        ratio = free / torch.minimum(still, middle) if bool(counts.any()) else torch.tensor(torch.nan, dtype=torch.float64)
        return torch.where(torch.isfinite(ratio), root(ratio), torch.nan)[None]
