"""Continuous ranked probability score of a predicted distribution, averaged over coordinates, at each lead.

    CRPS(F, y) = E|X - y| - 1/2 E|X - X'|,   X and X' drawn from F                     (Gneiting & Raftery 2007, eq. 21)

in closed form of Gaussians and mixtures (`freerun.parts.gaussians`); of an ensemble of M by the fair estimator, whose second
term is the mean over *pairs of different members*, so that its expectation is the score of the law that they are drawn from
(Ferro 2014; Zamo & Naveau 2018, eq. 5). It is proper: no distribution does better than the true one. Of one sure value it is
the absolute error.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics._forecast import OfForecast
from freerun.parts.gaussians import Gaussians
from freerun.store.quantity import FROM_0, WORLDS_GROWTH, Quantity

#: What scores of single leads do not see, and that no set of them is shown to put every player in its place.
LEADS_APART = "how the values of one forecast hang together from lead to lead"
UNPROVED = "it is no headline: no set of headlines with it is proved on the reference players"


@dataclass(kw_only=True)
class CRPS(OfForecast):
    """The continuous ranked probability score, averaged over coordinates and sequences."""

    quantity = Quantity(
        label="CRPS", unit="scaled", better="lower", range=FROM_0, scale="ratio",
        blind=(LEADS_APART, "how coordinates hang together", WORLDS_GROWTH, UNPROVED),
    )  # fmt: skip

    def of_law(self, law: Gaussians, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (law.crps(targets).clamp(min=0).mean(-1),)

    def of_members(self, members: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (fair(members, targets).mean(-1),)


def fair(members: Float[torch.Tensor, "T N M Y"], targets: Float[torch.Tensor, "T N Y"]) -> Float[torch.Tensor, "T N Y"]:
    """The fair estimate of each coordinate; never below 0, as no side of a triangle is longer than the other two."""
    count = members.shape[-2]
    rank = 2.0 * torch.arange(count, dtype=members.dtype) - (count - 1)
    apart = (members.sort(-2).values * rank[:, None]).sum(-2) / (count * (count - 1))  # half the mean over pairs
    return ((members - targets[..., None, :]).abs().mean(-2) - apart).clamp(min=0)
