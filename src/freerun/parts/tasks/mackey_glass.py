"""Mackey-Glass delay equation: one number that depends on its own past.

    dx(t)/dt = beta x(t - tau) / (1 + x(t - tau)^n) - gamma x(t)        (Mackey & Glass 1977, Science 197, 287, eq. 4b)

with beta = 0.2, gamma = 0.1, n = 10, tau = 17, in time units (days). A delay makes the state a whole function; here it is the
last tau time units on the grid of the integration, whose steps are of order four: Runge-Kutta, with the delayed value at
half a step from the cubic through its four neighbours on the grid. Largest Lyapunov exponent 0.0052 per
time unit; published single runs say 0.0056 to 0.006.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.arithmetic import exponential, power
from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.tasks._flows import Flow

#: Observations that a value between two of them is interpolated from.
NEIGHBOURS = 8


@dataclass(kw_only=True)
class MackeyGlass(Flow):
    """The Mackey-Glass delay equation; the present value is observed.

    Attributes:
        beta, gamma, n: growth, decay and the steepness of the feedback.
        tau: the delay, in time units; a whole number of integration steps `dt / substeps`.
        dt: time between samples, in time units; one Lyapunov time is about 190 time units.
        substeps: integration steps within one `dt`.
        transient: time that an orbit runs before its window begins, in time units.
    """

    default_warmup: ClassVar[int] = 40
    default_horizon: ClassVar[int | None] = 300
    coarsest: ClassVar[float] = 0.5
    usual_error: ClassVar[float] = 0.005
    analytic: ClassVar[bool] = False
    pairs: ClassVar[int] = 64
    spans: ClassVar[tuple[float, float]] = (1500.0, 4500.0)

    beta: float = 0.2
    gamma: float = 0.1
    n: float = 10.0
    tau: float = 17.0
    dt: float = 1.0
    substeps: int = 2
    transient: float = 2000.0
    length: int = 70

    def __post_init__(self) -> None:
        for name in ("beta", "gamma", "n", "tau"):
            require(getattr(self, name) > 0, name, getattr(self, name), "be positive")
        super().__post_init__()
        steps = self.tau * self.substeps / self.dt
        whole = abs(steps - round(steps)) < 1e-9 * steps and round(steps) >= 4
        require(whole, "tau", self.tau, f"be a whole number, at least 4, of integration steps ({self.dt / self.substeps:g})")

    def numbers(self) -> int:
        return 2

    def slope(self, state: np.ndarray) -> np.ndarray:
        """Return the contribution of the delayed value: ``beta x / (1 + x^n)``."""
        slope: np.ndarray = self.beta * state / (1 + power(torch.from_numpy(state), self.n).numpy())
        return slope

    def begin(self, noise: np.ndarray, step: float) -> np.ndarray:
        """Return a wave of random size and phase around the unstable fixed point, from tau and one step ago until now."""
        time = np.arange(-round(self.tau / step) - 1, 1) * step
        wave = noise[:, :1] * np.cos(time / self.tau) + noise[:, 1:] * np.sin(time / self.tau)
        begun: np.ndarray = exponential(torch.from_numpy(0.2 * wave)).numpy() * max(self.beta / self.gamma - 1, 0.01) ** (
            1 / self.n
        )
        return begun

    def step(self, state: np.ndarray, h: float) -> np.ndarray:
        now = state[:, -1]
        behind, here, ahead, further = (state[:, k] for k in range(4))
        half = (9 * (here + ahead) - behind - further) / 16
        left, middle, right = (self.slope(delayed) for delayed in (here, half, ahead))
        a = left - self.gamma * now
        b = middle - self.gamma * (now + 0.5 * h * a)
        c = middle - self.gamma * (now + 0.5 * h * b)
        d = right - self.gamma * (now + h * c)
        following = now + (h / 6) * (a + 2 * b + 2 * c + d)
        return np.concatenate([state[:, 1:], following[:, None]], axis=1)

    def settled(self, noise: np.ndarray, step: float) -> np.ndarray:
        """Return the state after the transient, integrated with `step` alone: the state is a grid of that step."""
        return self.run(self.begin(noise, step), step, round(self.transient / step))

    def seen(self, state: np.ndarray) -> np.ndarray:
        return state[:, -1:]

    @property
    def remembers(self) -> int | None:
        return 1 - min(first for first, _ in self._between())

    def onward(self, history: np.ndarray) -> np.ndarray:
        """See `Task.onward`: the delayed values that the steps need are interpolated between observations."""
        samples = history[..., 0]
        grid = [sum(weight * samples[first - 1 + k] for k, weight in enumerate(weights)) for first, weights in self._between()]
        with np.errstate(over="ignore", invalid="ignore"):
            state = self.run(np.stack([*grid, samples[-1]], axis=1), self.dt / self.substeps, self.substeps)
        return self.seen(state)

    def _between(self) -> list[tuple[int, list[float]]]:
        """For every delayed value that one `dt` needs, the first of the observations it lies among (0: now) and their weights.

        Lagrange's polynomial through `NEIGHBOURS` observations, half of them on either side where there are so many.
        """
        stencils = []
        for j in range(-1, self.substeps + 2):
            place = (j - round(self.tau * self.substeps / self.dt)) / self.substeps
            first = min(math.floor(place) - NEIGHBOURS // 2 + 1, 1 - NEIGHBOURS)
            nodes = range(first, first + NEIGHBOURS)
            weights = [
                math.prod((place - neighbour) / (node - neighbour) for neighbour in nodes if neighbour != node)
                for node in nodes
            ]
            stencils.append((first, weights))
        return stencils

    def widest(self) -> float:
        return self.tau / max(4, math.ceil(self.tau / self.coarsest))
