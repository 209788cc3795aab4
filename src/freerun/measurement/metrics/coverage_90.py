"""Coverage of the central interval of 90 %: how often the true value lies between the 5th and the 95th percentile.

In closed form where F(y) lies in [.05, .95]; of 39 members, in the interval from the 2nd to the 38th smallest, in which a value
of the same law lies with probability 36 / 40. Below .9 a forecast is too sure of itself, above too little.
"""

from __future__ import annotations

from dataclasses import dataclass

from freerun.deferred_imports import torch
from freerun.measurement.metrics._forecast import MEMBERS, OfForecast
from freerun.parts.gaussians import Gaussians
from freerun.store.quantity import SHARE, Quantity

#: The share that the interval shall hold, and the member at either end of it, counted from 0.
SHARE_INSIDE = 0.9
END = round((1 - SHARE_INSIDE) / 2 * (MEMBERS + 1)) - 1


@dataclass(kw_only=True)
class Coverage(OfForecast):
    """The share of true values inside the central interval of 90 %, over coordinates and sequences: .9 where it is right."""

    quantity = Quantity(
        label="Coverage of the 90 % interval", unit="share", better="neither", range=SHARE, floor=SHARE_INSIDE,
        blind=("how wide the interval is: climatology covers as much as the truth",),
    )  # fmt: skip

    def of_law(self, law: Gaussians, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        below = law.below(targets)
        inside = (below - 0.5).abs() <= SHARE_INSIDE / 2
        return (torch.where(below.isnan(), below, inside.double()).mean(-1),)

    def of_members(self, members: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        ranked = members.sort(-2).values
        low, high = ranked[..., END, :], ranked[..., -1 - END, :]
        inside = ((low <= targets) & (targets <= high)).double()
        return (torch.where((low + high + targets).isnan(), torch.nan, inside).mean(-1),)
