"""Accumulated error, estimated from rollouts, with an interval by the delta method.

`freerun.measurement.accumulated_error` says of what; here its means are over sequences that were rolled out, each with the part
that every sequence has in its error, so that whatever is made of them has a 95 % interval by the delta method. It is the
interval of the estimate for one run, and knows nothing of other seeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Bool, Float

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.measurement.accumulated_error import KINDS, Accumulated
from freerun.parts.tasks import Truth


@dataclass(frozen=True, kw_only=True)
class Estimated(Accumulated):
    """Accumulated errors estimated from N sequences; `forced`, `free` and `left` are means over them.

    Attributes:
        forced_each, free_each, left_each: what each sequence adds to the error of its mean, ``[4 L N]`` and ``[L N]``.
    """

    forced_each: Float[torch.Tensor, "4 L N"]
    free_each: Float[torch.Tensor, "4 L N"]
    left_each: Float[torch.Tensor, "L N"]

    def ratio_factor(self, kind: str, *, summed: bool) -> Float[torch.Tensor, " L"]:
        """The factor up and down to which the 95 % interval of a ratio free / forced reaches; NaN with fewer than 3 sequences.

        The delta method for the logarithm of a ratio of means over sequences, forced and free taken in pairs: they share a
        prompt.
        """
        k = KINDS.index(kind)
        parts = []
        for level, deviations in ((self.free[k], self.free_each[k]), (self.forced[k], self.forced_each[k])):
            level, deviations = (level.cumsum(0), deviations.cumsum(0)) if summed else (level, deviations)
            parts.append(deviations / level[:, None])
        return half_width(parts[0] - parts[1]).exp()

    def sequence_factor(self, *, reverse: bool) -> Float[torch.Tensor, " L"]:
        """The same for the KL of whole sequences."""
        level, deviations = (self.free[1], self.free_each[1]) if reverse else (self.forced[0], self.forced_each[0])
        return half_width(deviations.cumsum(0) / level.cumsum(0)[:, None]).exp()


def estimated(
    free: tuple[Truth, Float[torch.Tensor, "4 L N"]],
    forced: tuple[Truth, Float[torch.Tensor, "4 L N"]],
    spoken: Float[torch.Tensor, "L N K"],
    floor: Float[torch.Tensor, " 4"] | None = None,
) -> Estimated:
    """Estimate from rollouts: N sequences that the model generated, and N true ones that it was fed.

    Args:
        free, forced: the oracle's answer and the model's `divergences` from it, at every step after what both were given.
        spoken: the log-probabilities by which the model generates, of the free rollout.
    """
    said, true = free[0], forced[0]
    m_free, each_free = means(free[1], said.inside & ~said.ended, said.inside)
    m_forced, each_forced = means(forced[1], true.inside & ~true.ended, true.inside)
    stray = torch.where(said.log_probs > -torch.inf, 0.0, spoken.double().exp()).sum(-1)
    gone = torch.where(said.inside, torch.where(said.ended, 0.0, stray), 1.0)
    left = gone.mean(1)
    return Estimated(
        forced=m_forced, free=m_free, left=left, floor=floor,
        forced_each=each_forced, free_each=each_free, left_each=gone - left[:, None],
    )  # fmt: skip


def means(
    values: Float[torch.Tensor, "*kind L N"], alive: Bool[torch.Tensor, "L N"], inside: Bool[torch.Tensor, "L N"]
) -> tuple[Float[torch.Tensor, "*kind L"], Float[torch.Tensor, "*kind L N"]]:
    """The mean over sequences inside, where one not alive adds 0, and what each sequence adds to the error of the mean."""
    values, share = torch.where(alive, values, 0.0), inside.double()
    mean = values.sum(-1) / share.sum(-1)
    deviations = torch.where(inside, values - mean[..., None], 0.0) / share.mean(-1)[:, None]
    return mean, deviations


def half_width(deviations: Float[torch.Tensor, "L N"]) -> Float[torch.Tensor, " L"]:
    """Half the 95 % interval of a mean whose error is the mean of `deviations`, by Student's t; NaN for fewer than 3."""
    count = deviations.shape[-1]
    if count < 3:
        return torch.full(deviations.shape[:1], torch.nan, dtype=deviations.dtype)
    return student(count - 1) * root(deviations.square().sum(-1) / (count * (count - 1)))


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t: exact for 2, else the expansion in 1/n (Abramowitz & Stegun 26.7.5), 1 % off at 3."""
    if freedom == 2:
        return math.sqrt(2 * 0.95**2 / (1 - 0.95**2))
    z, n = 1.959963984540054, freedom
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / n**k for k, term in enumerate(terms, 1)))
