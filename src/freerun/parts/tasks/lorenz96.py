"""Lorenz-96 flow: a chaotic field of many coupled points on a ring.

    dx_i = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F,   i = 1..N on a ring        (Lorenz 1996, "Predictability", eq. 1)

with N = 40, F = 8: waves that run along a circle of latitude. Largest Lyapunov exponent 1.68 per time unit (errors double
in 0.42 time units; Lorenz & Emanuel 1998, J. Atmos. Sci. 55, 399, find 2.1 days of 0.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.errors import require
from freerun.parts.tasks._flows import Flow


@dataclass(kw_only=True)
class Lorenz96(Flow):
    """The Lorenz-96 flow on a ring of `points`, all observed.

    Attributes:
        points: N, points on the ring.
        forcing: F, the forcing.
        dt: time between samples, in time units; one Lyapunov time is about 0.6 time units.
        substeps: Runge-Kutta steps of order four within one `dt`.
        transient: time that an orbit runs before its window begins, in time units.
    """

    field: ClassVar[bool] = True
    default_horizon: ClassVar[int | None] = 60
    coarsest: ClassVar[float] = 0.05
    spans: ClassVar[tuple[float, float]] = (50.0, 200.0)
    usual_error: ClassVar[float] = 0.02
    pairs: ClassVar[int] = 40

    points: int = 40
    forcing: float = 8.0
    dt: float = 0.05
    substeps: int = 2
    transient: float = 20.0
    sequences: int = 512

    def __post_init__(self) -> None:
        require(4 <= self.points <= 1024, "points", self.points, "lie in [4, 1024]")
        super().__post_init__()

    def numbers(self) -> int:
        return self.points

    def slope(self, state: np.ndarray) -> np.ndarray:
        ring = np.concatenate([state[:, -2:], state, state[:, :1]], axis=1)
        following: np.ndarray = (ring[:, 3:] - ring[:, :-3]) * ring[:, 1:-2] - state + self.forcing
        return following

    def begin(self, noise: np.ndarray, step: float) -> np.ndarray:
        begun: np.ndarray = 2.0 + 3.0 * noise
        return begun
