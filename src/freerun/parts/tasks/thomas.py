"""Thomas' labyrinth: a flow that wanders through a lattice and is the same in x, y and z.

    dx = sin y - b x,  dy = sin z - b y,  dz = sin x - b z        (Thomas 1999, Int. J. Bifurcation Chaos 9, 1889, eq. 2)

with b = 0.1, whose largest Lyapunov exponent is 0.055 per time unit (Teutsch & Maeder 2022, table of their data). Chaotic for
most b below 0.2082, and the attractor grows without bound as b goes to 0 (Sprott & Chlouverakis 2007, Int.
J. Bifurcation Chaos 17, 2097).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.errors import require
from freerun.parts.tasks._flows import Flow


@dataclass(kw_only=True)
class Thomas(Flow):
    """Thomas' cyclically symmetric flow, all three coordinates observed.

    Attributes:
        b: the friction.
        dt: time between samples, in time units; one Lyapunov time is about 18 time units.
        substeps: Runge-Kutta steps of order four within one `dt`.
        transient: time that an orbit runs before its window begins, in time units.
    """

    default_warmup: ClassVar[int] = 30
    default_horizon: ClassVar[int | None] = 300
    coarsest: ClassVar[float] = 0.1
    spans: ClassVar[tuple[float, float]] = (100.0, 400.0)
    pairs: ClassVar[int] = 256

    b: float = 0.1
    dt: float = 0.1
    substeps: int = 1
    transient: float = 200.0
    length: int = 60

    def __post_init__(self) -> None:
        require(0 < self.b < 1, "b", self.b, "lie in (0, 1)")
        super().__post_init__()

    def slope(self, state: np.ndarray) -> np.ndarray:
        following: np.ndarray = np.sin(state[:, [1, 2, 0]]) - self.b * state
        return following

    def begin(self, noise: np.ndarray, step: float) -> np.ndarray:
        begun: np.ndarray = 3.0 * noise
        return begun
