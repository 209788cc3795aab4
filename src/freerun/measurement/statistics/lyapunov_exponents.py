"""Largest Lyapunov exponent from two neighbouring orbits, whose distance is reset again and again.

    lambda = 1 / (K tau)  sum_k  ln |s'(k tau) - s(k tau)| / d ,      |s' - s| = d after each stretch of tau steps

(Benettin, Galgani & Strelcyn 1976, eq. 4). What moves the pair is an argument: a true flow, or a model in closed loop.
"""

from __future__ import annotations

from jaxtyping import Float

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.errors import require

#: The share of the stretches, at the beginning, in which a pair finds the direction that grows fastest.
ALIGN = 0.2


def exponents(apart: Float[torch.Tensor, "K N"], distance: float, steps: int) -> Float[torch.Tensor, " N"]:
    """The exponent of every pair, per step; NaN where a distance is 0 or not finite.

    Args:
        apart: the distance of each of N pairs after each of K stretches.
        distance: d, to which it is drawn together.
        steps: tau, the steps of a stretch.
    """
    require(len(apart) > 0, "apart", len(apart), "hold a stretch to measure")
    kept = apart[int(ALIGN * len(apart)) :].double()
    grown = logarithm(torch.where((kept > 0) & torch.isfinite(kept), kept / distance, torch.nan))
    return grown.mean(0) / steps
