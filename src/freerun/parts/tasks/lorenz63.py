"""Lorenz-63 flow.

    dx = sigma (y - x),  dy = x (rho - z) - y,  dz = x y - beta z        (Lorenz 1963, eq. 25-27)

with sigma = 10, rho = 28, beta = 8/3, whose largest Lyapunov exponent is 0.9056 per time unit (Sprott 2003, "Chaos and
Time-Series Analysis", appendix A).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.errors import require
from freerun.parts.tasks._flows import Flow, columns
from freerun.parts.tasks._scaling import Predict as Predict


@dataclass(kw_only=True)
class Lorenz63(Flow):
    """The Lorenz-63 flow, all three coordinates observed, sampled every `dt` time units.

    Orbits start at random points, run for `transient` time units onto the attractor, and are cut off after one window; each
    orbit belongs to one split. Values are scaled to zero mean and unit variance of what training sees.

    Attributes:
        sigma, rho, beta: the parameters of the equations.
        dt: time between samples, in time units; one Lyapunov time is about 1.1 time units.
        substeps: Runge-Kutta steps of order four within one `dt`.
        predict: `value`: the output is the next state; `increment`: the output is added to the state that was fed.
        sequences: number of training orbits; validation and test have a quarter as many each.
    """

    coarsest: ClassVar[float] = 0.02
    spans: ClassVar[tuple[float, float]] = (20.0, 80.0)
    usual_error: ClassVar[float] = 0.005

    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8.0 / 3.0
    dt: float = 0.02
    substeps: int = 5
    transient: float = 40.0

    def __post_init__(self) -> None:
        require(0 < self.dt <= 0.2, "dt", self.dt, "lie in (0, 0.2]")
        require(self.sigma > 0, "sigma", self.sigma, "be positive")
        require(self.beta > 0, "beta", self.beta, "be positive")
        super().__post_init__()

    def slope(self, state: np.ndarray) -> np.ndarray:
        x, y, z = state[:, 0], state[:, 1], state[:, 2]
        return columns(self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z)

    def begin(self, noise: np.ndarray, step: float) -> np.ndarray:
        begun: np.ndarray = noise * np.array([8.0, 9.0, 8.5]) + np.array([0.0, 0.0, 23.5])
        return begun
