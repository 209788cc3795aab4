"""Roessler's hyperchaos: a flow whose orbits part from their neighbours in two directions at once.

    dx = -y - z,  dy = x + a y + w,  dz = b + x z,  dw = d w - c z        (Roessler 1979, Phys. Lett. A 71, 155, eq. 1)

with a = 0.25, b = 3, c = 0.5, d = 0.05, whose two positive Lyapunov exponents are 0.112 and 0.019 per time unit (Wolf, Swift,
Swinney & Vastano 1985, Physica D 16, 285, table 1: 0.16 and 0.03 bits a time unit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.errors import require
from freerun.parts.tasks._flows import Flow, columns


@dataclass(kw_only=True)
class HyperRoessler(Flow):
    """The four-dimensional Roessler flow, all coordinates observed.

    Orbits start around (-6, 0, 0.5, 14): the basin of the attractor is small. Where x is near -130, z decays at that rate: a
    step above 0.02 throws orbits off the attractor.

    Attributes:
        a, b, c, d: the parameters of the equations.
        dt: time between samples, in time units; one Lyapunov time is about 9 time units.
        substeps: Runge-Kutta steps of order four within one `dt`.
        transient: time that an orbit runs before its window begins, in time units.
    """

    default_warmup: ClassVar[int] = 40
    coarsest: ClassVar[float] = 0.0125
    usual_error: ClassVar[float] = 0.002
    pairs: ClassVar[int] = 128
    spans: ClassVar[tuple[float, float]] = (25.0, 100.0)

    a: float = 0.25
    b: float = 3.0
    c: float = 0.5
    d: float = 0.05
    dt: float = 0.1
    substeps: int = 8
    transient: float = 500.0
    sequences: int = 256
    length: int = 70

    def __post_init__(self) -> None:
        require(self.b > 0, "b", self.b, "be positive")
        super().__post_init__()

    def numbers(self) -> int:
        return 4

    def slope(self, state: np.ndarray) -> np.ndarray:
        x, y, z, w = state[:, 0], state[:, 1], state[:, 2], state[:, 3]
        return columns(-y - z, x + self.a * y + w, self.b + x * z, self.d * w - self.c * z)

    def begin(self, noise: np.ndarray, step: float) -> np.ndarray:
        begun: np.ndarray = np.array([-6.0, 0.0, 0.5, 14.0]) + np.array([0.5, 0.5, 0.0, 0.5]) * noise.clip(-2, 2)
        return begun
