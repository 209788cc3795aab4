"""Integration step that a flow needs: halved until one step and two of half its size agree on the attractor.

The classical Runge-Kutta method is of order four, so that two half steps s'' are nearer to the flow than one step s' by 16:

    e = |s' - s''| / (15 |s' - s|)

is the error of a step as a share of what the state moves. At `TOLERANCE` the largest Lyapunov exponents of Lorenz-96 (F = 10,
20, 32, 64), Lorenz-63 (rho = 60, 200) and Roessler (c = 10, 18) are those of half the step, within their standard errors of
some .3 %; at 1e-3 they are 2 to 5 % off.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from freerun.random_streams import stream


@runtime_checkable
class Integrated(Protocol):
    """What is looked at of a flow; see `freerun.parts.tasks._flows.Flow`."""

    @property
    def coarsest(self) -> float:
        """The largest step that is tried, in time units."""

    def equation(self) -> dict[str, object]:
        """Return the settings that belong to the equations alone."""

    def numbers(self) -> int:
        """Return how many normal numbers the start of an orbit takes."""

    def begin(self, noise: np.ndarray, step: float) -> np.ndarray:
        """Return where orbits start."""

    def step(self, state: np.ndarray, h: float) -> np.ndarray:
        """Return the state one integration step later."""

    def run(self, state: np.ndarray, h: float, steps: int) -> np.ndarray:
        """Return the state after so many integration steps."""

    def settling(self) -> float:
        """Return the time in which orbits reach the attractor."""


#: The largest error of a step, as a share of what the state moves, in root mean square over the attractor.
TOLERANCE = 1.5e-5
#: Parts of the coarsest step that are tried.
PARTS = (1, 2, 4, 8, 16)
#: Orbits that are looked at, how often, and how many steps apart.
ORBITS, LOOKS, BETWEEN = 64, 10, 25


#: Errors by flow, equation and step, for the life of the process.
_errors: dict[tuple[object, ...], float] = {}


def followed(flow: Integrated) -> float:
    """Return the largest step that follows the equations of a flow, in time units; the finest that is tried if none does.

    Args:
        flow: whose equations they are, and whose `coarsest` step is tried first.
    """
    for part in PARTS:
        step = flow.coarsest / part
        if step_error(flow, step) <= TOLERANCE:
            break
    return step


def step_error(flow: Integrated, step: float) -> float:
    """Return the error of a step as a share of what the state moves; infinite where most orbits leave every bound."""
    key = (type(flow), *flow.equation().items(), step)
    if key not in _errors:
        _errors[key] = _measured(flow, step)
    return _errors[key]


def _measured(flow: Integrated, step: float) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        state = flow.begin(stream(0, "flow/step").normal(size=(ORBITS, flow.numbers())), step)
        state = flow.run(state, step, round(flow.settling() / step))
        kept = np.isfinite(state).all(1)
        if kept.mean() < 0.5:
            return np.inf
        state, differences, moves = state[kept], [], []
        for _ in range(LOOKS):
            once = flow.step(state, step)
            differences.append(once - flow.step(flow.step(state, step / 2), step / 2))
            moves.append(once - state)
            state = flow.run(state, step, BETWEEN)
        spread = np.stack(moves).std((0, 1))
        off = np.sqrt(np.square(np.stack(differences)).mean((0, 1)))
    share = off / np.where(spread > 0, spread, 1) / 15
    return float(share.max()) if np.isfinite(share).all() else np.inf
