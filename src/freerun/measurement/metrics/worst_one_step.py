"""Worst one-step error: that at true states or that at own states, whichever is larger, over that of persistence.

    max( rms |o_t - F(y_{t-1})| , rms |o_t - F(f_{t-1})| ) / rms |y_t - y_{t-1}|

over all coordinates, sequences and steps since the release: forced, and free with the true flow's answer to what the model
made. 0 for the truth, 1 for persistence. Each side alone is fooled: the first by whoever goes astray only by himself, the
second by an equilibrium. Rare jumps count, since means are of squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.arithmetic import mean_over_coordinates, root
from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Comparison, Observed
from freerun.measurement.metrics._true_flow import answered, own_errors
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class WorstOneStep(Comparison):
    """The larger of the one-step errors at true and at own states, in units of persistence's."""

    per: ClassVar[str] = "rollout"
    selects: ClassVar[bool] = True

    quantity = Quantity(
        label="Worst one-step error", unit="persistence's", better="lower", range=FROM_0, scale="ratio", floor=0.0,
        blind=("small errors that hang together, such as those of a slightly other system",), part="headline",
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return answered(observed) and observed.forced is not None

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        worst, still, counts = _sides(observed)
        ratio = root(worst.sum() / still.sum()) if bool(counts) else torch.tensor(torch.nan, dtype=torch.float64)
        return torch.where(torch.isfinite(ratio), ratio, torch.nan)[None]

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        """By the delta method for the logarithm of a ratio of means over sequences."""
        value = self.measure(observed)
        worst, still, _ = _sides(observed)
        half = (half_width((worst / worst.mean() - still / still.mean())[None]) / 2).exp()
        return value / half, value * half


def _sides(observed: Observed) -> tuple[torch.Tensor, torch.Tensor, int]:
    """The squares of the larger side and of persistence, a sum for each sequence, and how many places count."""
    sides: tuple[torch.Tensor, torch.Tensor, int] = observed.once("worst_one_step", lambda: _summed(observed))
    return sides


def _summed(observed: Observed) -> tuple[torch.Tensor, torch.Tensor, int]:
    first, truth = observed.warmup, torch.cat([given(observed.start)[None], observed.targets]).double()
    errors = [mean_over_coordinates(own_errors(rollout).square()) for rollout in (given(observed.forced), observed)]
    still = mean_over_coordinates((truth[1:] - truth[:-1]).square())[first:]
    memory = given(observed.experiment.task.remembers)
    known = max(0, memory - 1 - first)  # before, no answer is known
    counts = observed.weights[first + known :] > 0
    sides = [torch.where(counts, part[known:], 0.0).sum(0) for part in (*errors, still)]
    larger = 0 if bool(sides[0].sum() >= sides[1].sum()) else 1
    return sides[larger], sides[2], int(counts.sum())
