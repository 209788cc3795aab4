"""Rate at which a free error grows, to be read beside the largest Lyapunov exponent of the true system.

The slope, by least squares, of the mean logarithm of the error over the lead time (`log_error`), from the release until that
mean first passes `SMALL`: beyond, errors feel the size of the attractor and grow no more. Undefined for fewer than `LEAST`
steps, and where errors are within `CLEAR` times the rounding of single precision: that grows too, and is no error of the
model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Comparison, Observed
from freerun.measurement.metrics._true_flow import ROUNDING, free_squares, log_errors, step_log
from freerun.store.quantity import Quantity

#: The mean error, in standard deviations of the data, up to which it is followed; the fewest steps that have a slope; how far
#: above rounding an error is one.
SMALL, LEAST, CLEAR = 0.1, 8, 30.0


@dataclass(kw_only=True)
class ErrorGrowthRate(Comparison):
    """The slope of the mean log error over the lead time while errors are small."""

    per: ClassVar[str] = "rollout"

    quantity = Quantity(
        label="Growth rate of the error", unit="1/step", better="neither", floor="lyapunov_true", part="diagnostic",
        blind=("what becomes of errors that are no longer small",),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return observed.experiment.task.lyapunov_steps() is not None

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        slopes = _slopes(observed)
        return slopes.mean()[None] if len(slopes) else torch.full((1,), torch.nan, dtype=torch.float64)

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        """Student's t over sequences; none where there is no slope, or fewer than three."""
        slopes = _slopes(observed)
        if len(slopes) < 3:
            return None
        mean = slopes.mean()[None]
        half = half_width((slopes - mean)[None])
        return mean - half, mean + half


def _slopes(observed: Observed) -> Float[torch.Tensor, " N"]:
    """The slope of every sequence that counts, over the same steps; none where there are too few."""
    squares, weights = free_squares(observed), observed.weights
    mean = step_log(squares, weights)
    small = torch.isfinite(mean) & (mean < math.log(SMALL)) & (mean > math.log(CLEAR * ROUNDING))
    steps = int(small.int().cumprod(0).sum())
    whole = (weights[observed.warmup : observed.warmup + steps] > 0).all(0)
    if steps < LEAST or not bool(whole.any()):
        return torch.empty(0, dtype=torch.float64)
    time = torch.arange(steps, dtype=torch.float64)
    time = time - time.mean()
    return (time[:, None] * log_errors(squares[:steps, whole])).sum(0) / time.square().sum()
