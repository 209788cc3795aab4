"""KL divergence between the distributions of pairs of states that two orbits visit.

D_pairs = mean over coordinates i of KL(p || q), p and q the shares of (x_i(t), x_i(t + k_i)) in `BINS` x `BINS` cells over the
box of the truth, as in `state_distribution.binned`; k_i is the first lag at which the true autocorrelation of x_i is below
`HALF`, so that the second number is news and not yet noise. A pair in time tells an orbit from its reverse, from a shuffled
one and from one that has shrunk, which states alone, spectra and distances of clouds do not all do. Pairs of neighbours,
(x_i(t), x_{i+1}(t)) on a ring, see how the points of a field go together. It is not 0 for two orbits of one system: it stands
beside the truth against itself at the same length.
"""

from __future__ import annotations

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.measurement.statistics.state_distribution import BINS, binned

#: The autocorrelation below which the second state of a pair is taken.
HALF = 0.5


def lags(true: Float[torch.Tensor, "T N D"]) -> list[int]:
    """For each coordinate the first lag at which its autocorrelation is below `HALF`; at most half of the steps."""
    require(len(true) >= 4, "true", len(true), "be at least 4 steps long")
    values = true.double()
    values = values - values.mean((0, 1))
    chosen = [len(values) // 2] * values.shape[2]
    open_, power = set(range(values.shape[2])), values.square().mean((0, 1))
    for lag in range(1, len(values) // 2):
        alike = (values[lag:] * values[:-lag]).mean((0, 1))
        for i in [i for i in open_ if float(alike[i]) < HALF * float(power[i])]:
            chosen[i] = lag
            open_.remove(i)
        if not open_:
            break
    return chosen


def pairs_in_time(true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T M D"]) -> float:
    """D_pairs, in nats; what is not finite is charged as outside of the box."""
    pairs = [(part[:-lag, :, i], part[lag:, :, i]) for i, lag in enumerate(lags(true)) for part in (true, made)]
    return _mean(pairs)


def pairs_of_neighbours(true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T M D"]) -> float:
    """The same for neighbours on a ring at one time, a mean over all of its points, in nats."""
    pairs = [(part[..., i - 1], part[..., i]) for i in range(true.shape[2]) for part in (true, made)]
    return _mean(pairs)


def _mean(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """The mean divergence of what the closed loop pairs, every second, from what the truth does, before it."""
    states = [torch.stack(pair, -1).flatten(0, 1) for pair in pairs]
    return sum(binned(p, q, BINS) for p, q in zip(states[::2], states[1::2], strict=True)) * 2 / len(pairs)
