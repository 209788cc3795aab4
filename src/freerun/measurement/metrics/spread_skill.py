"""Spread of a predicted distribution against its skill: its own standard deviation over the error of its mean.

    root( mean Var[X] ) / rms( E[X] - y )

1 where a forecast knows how far it errs, below 1 where it is too sure of itself. Of an ensemble of M the variance is taken with
M - 1 and times (M + 1) / M, which is how far its mean is from a value of the same law (Fortin et al. 2014, eq. 15).
"""

from __future__ import annotations

from dataclasses import dataclass

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._forecast import OfForecast
from freerun.parts.gaussians import Gaussians
from freerun.store.quantity import FROM_0, Quantity


@dataclass(kw_only=True)
class SpreadSkill(OfForecast):
    """The ratio of spread to error, both as root mean squares over coordinates and sequences: 1 where it is right."""

    quantity = Quantity(
        label="Spread over error", unit="ratio", better="neither", range=FROM_0, floor=1.0,
        blind=("how large the error is: climatology has 1 as the truth has",),
    )  # fmt: skip

    def summary(self, observed: Observed, *parts: torch.Tensor) -> torch.Tensor:
        spread, error = (observed.mean(part, observed.weights) for part in parts)
        ratio = root(spread) / root(error)
        return torch.where(ratio.isinf(), torch.nan, torch.where(spread == 0, spread / error, ratio))

    def of_law(self, law: Gaussians, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return law.variance().mean(-1), (law.mean() - targets).square().mean(-1)

    def of_members(self, members: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        count = members.shape[-2]
        spread = members.var(-2).mean(-1) * (count + 1) / count
        return spread, (members.mean(-2) - targets).square().mean(-1)
