"""Energy score of a predicted distribution of several coordinates together, at each lead.

    ES(F, y) = E|X - y| - 1/2 E|X - X'|,   |.| the Euclidean norm over coordinates, divided by the root of their number

(Gneiting & Raftery 2007, eq. 22), of an ensemble by the fair estimator, as `crps`, which it equals for one coordinate. Of a
distribution in closed form an ensemble is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._forecast import MEMBERS, OfForecast
from freerun.measurement.metrics.crps import LEADS_APART, UNPROVED
from freerun.parts.gaussians import Gaussians
from freerun.random_streams import uniforms
from freerun.store.quantity import FROM_0, WORLDS_GROWTH, Quantity


@dataclass(kw_only=True)
class EnergyScore(OfForecast):
    """The energy score, in root mean squares over coordinates, averaged over sequences; for two coordinates or more."""

    quantity = Quantity(
        label="Energy score", unit="scaled", better="lower", range=FROM_0, scale="ratio",
        blind=(LEADS_APART, WORLDS_GROWTH, UNPROVED),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        return super().applies(observed) and observed.targets.shape[-1] > 1

    def of_law(self, law: Gaussians, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        steps, count, width = targets.shape
        # the same draws for every sequence, which knows nothing of its place among the others
        draws = torch.from_numpy(uniforms(0, "evaluation/energy", 0, (steps, 1, MEMBERS, width + int(law.means.shape[-2] > 1))))
        several = Gaussians(
            log_weights=law.log_weights[:, :, None].expand(-1, -1, MEMBERS, -1),
            means=law.means[:, :, None].expand(-1, -1, MEMBERS, -1, -1),
            scales=law.scales[:, :, None].expand(-1, -1, MEMBERS, -1, -1),
        )
        return self.of_members(several.drawn(draws.expand(-1, count, -1, -1)), targets)

    def of_members(self, members: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        count, width = members.shape[-2:]
        near = _norm(members - targets[..., None, :]).mean(-1)
        pairs = sum(_norm(members[..., i + 1 :, :] - members[..., i : i + 1, :]).sum(-1) for i in range(count - 1))
        return ((near - pairs / (count * (count - 1))).clamp(min=0) / math.sqrt(width),)


def _norm(x: torch.Tensor) -> torch.Tensor:
    square = x.square().sum(-1)
    return torch.where(square > 0, root(torch.where(square > 0, square, 1.0)), square)
