"""Fate of a closed loop that is left alone: it stays, runs away, comes to rest or ends in a cycle."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float

from freerun.deferred_imports import torch

#: How far beyond the range of the data an orbit is outside, in ranges; the share of an orbit, at its end, that is looked at;
#: how still is still, in ranges.
BEYOND, END, STILL = 0.5, 0.25, 1e-3


@dataclass(frozen=True, kw_only=True)
class Fates:
    """Which orbits have which fate; an orbit has at most one of the three."""

    left: Bool[torch.Tensor, " N"]
    rests: Bool[torch.Tensor, " N"]
    cycles: Bool[torch.Tensor, " N"]


def fates(
    orbits: Float[torch.Tensor, "T N D"],
    low: Float[torch.Tensor, " D"],
    high: Float[torch.Tensor, " D"],
) -> Fates:
    """The fate of every orbit.

    * left: at any step not finite, or farther than `BEYOND` ranges (high - low) outside the range of a coordinate;
    * rests: in its last `END` no coordinate moves by more than `STILL` ranges;
    * cycles: in its last `END` it comes back, after one and the same number of steps from two on, every time to within the
      length of the step that it makes there (a cycle need not be a whole number of samples).

    Args:
        low, high: the range of the training data.
    """
    span = (high - low).double()
    values = orbits.double()
    outside = (values < low - BEYOND * span) | (values > high + BEYOND * span) | ~torch.isfinite(values)
    left = outside.any(2).any(0)
    last = values[-max(4, round(END * len(values))) :]
    safe = torch.where(left[:, None], 0.0, last) / span.clamp(min=torch.finfo(torch.float64).tiny)
    rests = ((safe.amax(0) - safe.amin(0)) <= STILL).all(1) & ~left
    return Fates(left=left, rests=rests, cycles=_recurs(safe) & ~left & ~rests)


def _recurs(values: Float[torch.Tensor, "T N D"]) -> Bool[torch.Tensor, " N"]:
    """Whether one lag, of at most half of the steps, brings every state back to within the step that it makes there."""
    steps = len(values)
    moved = (values[1:] - values[:-1]).norm(dim=2)
    recurs = torch.zeros(values.shape[1], dtype=torch.bool)
    for lag in range(2, steps // 2 + 1):  # after one step everything is a step away
        apart = (values[lag:-1] - values[: -lag - 1]).norm(dim=2)
        recurs |= (apart <= moved[: len(apart)]).all(0)
    return recurs
