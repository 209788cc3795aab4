"""Roessler band: a chaotic flow that turns nearly in time with a clock.

    dx = -y - z,  dy = x + a y,  dz = b + z (x - c)        (Roessler 1976, Phys. Lett. A 57, 397, eq. 2)

with a = 0.2, b = 0.2, c = 5.7, whose largest Lyapunov exponent is 0.0714 per time unit (Sprott 2003, "Chaos and Time-Series
Analysis", appendix A). Its turns are nearly regular; the chaos is in their widths, and z rises in rare spikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.errors import require
from freerun.parts.tasks._flows import Flow, columns


@dataclass(kw_only=True)
class Roessler(Flow):
    """The Roessler flow, all three coordinates observed; one turn takes about 5.9 time units, or 49 steps.

    Orbits start anywhere on a disc under the band; from far outside they would escape.

    Attributes:
        a, b, c: the parameters of the equations.
        dt: time between samples, in time units; one Lyapunov time is about 14 time units.
        substeps: Runge-Kutta steps of order four within one `dt`.
        transient: time that an orbit runs before its window begins, in time units.
    """

    default_warmup: ClassVar[int] = 40
    default_horizon: ClassVar[int | None] = 350
    coarsest: ClassVar[float] = 0.06
    spans: ClassVar[tuple[float, float]] = (60.0, 240.0)
    usual_error: ClassVar[float] = 0.002

    a: float = 0.2
    b: float = 0.2
    c: float = 5.7
    dt: float = 0.12
    substeps: int = 3
    transient: float = 200.0
    length: int = 70

    def __post_init__(self) -> None:
        require(self.b > 0, "b", self.b, "be positive")
        require(self.c > 0, "c", self.c, "be positive")
        super().__post_init__()

    def slope(self, state: np.ndarray) -> np.ndarray:
        x, y, z = state[:, 0], state[:, 1], state[:, 2]
        return columns(-y - z, x + self.a * y, self.b + z * (x - self.c))

    def begin(self, noise: np.ndarray, step: float) -> np.ndarray:
        turned = noise[:, :2] / np.sqrt(np.square(noise).sum(1, keepdims=True))  # inside the unit circle
        return np.concatenate([self.c * turned, np.zeros((len(noise), 1))], axis=1)
