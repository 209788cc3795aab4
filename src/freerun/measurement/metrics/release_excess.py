"""Excess of the forced error at the release: whether the warm-up is long enough.

    ln( rms of the forced error at the first step after the release / rms over the later half of the steps )

A model that carries a state has not found it yet where a forced rollout begins. Where its forced error still falls at the
release, what looks like exposure in the first steps is the search for a state. Above 0, with its interval, by more than the
margin of a study, the warm-up is too short; the report says so, and from where on the forced error has settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Comparison, Observed
from freerun.measurement.metrics._true_flow import free_squares
from freerun.store.quantity import Quantity

#: The fewest steps that have a later half worth the name, and steps after the release that are looked at.
LEAST, FIRST = 8, 1


@dataclass(kw_only=True)
class ReleaseExcess(Comparison):
    """The logarithm of the forced error at the release over that later on; above 0 the warm-up is too short."""

    per: ClassVar[str] = "rollout"

    quantity = Quantity(
        label="Forced error at the release over later", unit="nats", better="neither", floor=0.0, part="diagnostic",
        signs=("the forced error is smaller at the release", "the forced error is larger at the release"), account="release",
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        steps = len(observed.targets) - observed.warmup
        return not observed.experiment.task.symbols and observed.forced is not None and steps >= LEAST

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        first, later = _two(observed)
        ratio = first.mean() / later.mean()
        known = torch.isfinite(ratio) & (ratio > 0)
        return torch.where(known, logarithm(torch.where(known, ratio, 1.0)) / 2, torch.nan)[None]

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        """By the delta method for the logarithm of a ratio of means over sequences."""
        value, (first, later) = self.measure(observed), _two(observed)
        half = half_width((first / first.mean() - later / later.mean())[None]) / 2
        return value - half, value + half


def _two(observed: Observed) -> tuple[Float[torch.Tensor, " N"], Float[torch.Tensor, " N"]]:
    """Squared forced errors at the first step and over the later half, of every sequence that counts throughout."""
    forced = given(observed.forced)
    squares, weights = free_squares(forced), observed.weights[observed.warmup :]
    whole = (weights > 0).all(0)
    return squares[:FIRST, whole].mean(0), squares[len(squares) // 2 :, whole].mean(0)
