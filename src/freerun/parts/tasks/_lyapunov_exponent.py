"""Largest Lyapunov exponent of a flow, from pairs of orbits that are drawn together again and again.

    lambda = 1 / (K tau)  sum_k  ln |s'(k tau) - s(k tau)| / d ,      |s' - s| = d after each stretch of tau

(Benettin, Galgani & Strelcyn 1976, Phys. Rev. A 14, 2338, eq. 4), averaged over independent pairs. How long they are followed
is a time, whatever the step: a pair has turned into its fastest growing direction after a time, not after a number of steps.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.parts.tasks._integration_step import Integrated
from freerun.random_streams import stream

#: Steps between two renormalisations.
STRETCH = 10
#: Distance of a pair, in attractor widths: far above rounding (1e-16), far below the attractor's own bends.
APART = 1e-8
#: Steps of the coarsest size, for a flow that names no times: to turn, and to be measured.
PACES = (1000, 4000)


@runtime_checkable
class Followed(Integrated, Protocol):
    """What pairs of orbits are followed of; see `freerun.parts.tasks._flows.Flow`."""

    @property
    def pairs(self) -> int:
        """How many pairs."""

    @property
    def spans(self) -> tuple[float, float] | None:
        """How long they turn and are measured, in time units; None for `PACES`."""


def spans(flow: Followed) -> tuple[float, float]:
    """Return how long pairs turn into their direction and how long they are measured, in time units."""
    align, measure = (paces * flow.coarsest for paces in PACES)
    return flow.spans or (align, measure)


def neighbours_part(flow: Followed, step: float) -> tuple[float, float]:
    """Return the exponent per time unit and its standard error; NaN where an orbit leaves every bound.

    Args:
        flow: whose equations they are.
        step: of integration, in time units.
    """
    chance, count = stream(0, "flow/exponent"), flow.pairs
    align, measure = (max(1, round(span / (step * STRETCH))) * STRETCH for span in spans(flow))
    begun = flow.begin(chance.normal(size=(count, flow.numbers())), step)
    with np.errstate(over="ignore", invalid="ignore"):
        state = flow.run(begun, step, round(flow.settling() / step))
        apart = APART * float(state.std())
        push = chance.normal(size=state.shape)
        grown = np.zeros(count)
        for stretch in range((align + measure) // STRETCH):
            distance = np.sqrt(np.square(push).sum(1))
            if not (np.isfinite(distance).all() and distance.min() > 0):
                return np.nan, np.nan
            if stretch > align // STRETCH:
                grown += _logarithm(distance / apart)
            both = np.concatenate([state, state + push * (apart / distance)[:, None]])
            both = flow.run(both, step, STRETCH)
            state, push = both[:count], both[count:] - both[:count]
        grown += _logarithm(np.sqrt(np.square(push).sum(1)) / apart)
    rates = grown / (measure * step)
    return float(rates.mean()), float(rates.std() / np.sqrt(count))


def _logarithm(x: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    values: np.ndarray = logarithm(torch.from_numpy(x)).numpy()
    return values
