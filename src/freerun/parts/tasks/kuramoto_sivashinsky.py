"""Kuramoto-Sivashinsky equation: spatiotemporal chaos of a field on a ring.

    u_t = - u u_x - u_xx - u_xxxx,   u(x + L) = u(x)

(Kuramoto & Tsuzuki 1976; Sivashinsky 1977), with L = 22, the smallest ring that is chaotic for good (Cvitanovic, Davidchack &
Siminos 2010, SIAM J. Appl. Dyn. Syst. 9, 1), and 64 points, as in Pathak, Hunt, Girvan, Lu & Ott (2018, Phys. Rev. Lett. 120,
024102). Largest Lyapunov exponent 0.048 per time unit (Cvitanovic et al.); 0.043 in Edson, Bunder, Mattner & Roberts (2019,
ANZIAM J. 61, 270).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from freerun.errors import require
from freerun.parts.tasks._flows import Flow
from freerun.parts.tasks._ring_waves import Stepper, stepper, waves_of


@dataclass(kw_only=True)
class KuramotoSivashinsky(Flow):
    """The Kuramoto-Sivashinsky equation on a ring of `points`, all observed; its mean stays 0.

    The true system is that of the waves that the points can square without error, a third of their number; of any other field,
    such as one that a model made, the shorter waves are left out, which the equation itself damps within a fraction of a step.

    Attributes:
        domain: L, the length of the ring, above 2 pi; the shortest wave that is kept, of a third of the points, is at most pi
            long, of which the equation damps all below 2 pi.
        points: points on the ring.
        dt: time between samples, in time units; one Lyapunov time is about 22 time units.
        substeps: exponential time steps of order four within one `dt`.
        transient: time that an orbit runs before its window begins, in time units.
    """

    #: Its products are cut into parts that are added without rounding, which complex numbers have not.
    analytic: ClassVar[bool] = False

    field: ClassVar[bool] = True
    default_horizon: ClassVar[int | None] = 120
    default_orbit: ClassVar[int] = 400
    coarsest: ClassVar[float] = 0.25
    spans: ClassVar[tuple[float, float]] = (60.0, 500.0)
    pairs: ClassVar[int] = 23

    domain: float = 22.0
    points: int = 64
    dt: float = 0.5
    substeps: int = 2
    transient: float = 60.0
    sequences: int = 192

    def __post_init__(self) -> None:
        require(8 <= self.points <= 256, "points", self.points, "lie in [8, 256]")
        most = math.pi * ((self.points - 1) // 3)
        rule = f"lie above 2 pi, where waves begin to grow, and be at most {most:.4g}, where {self.points} points resolve them"
        require(2 * math.pi < self.domain <= most, "domain", self.domain, rule)
        super().__post_init__()

    def numbers(self) -> int:
        return self.points

    def slope(self, state: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
        return _stepper(self.points, self.domain, self.coarsest).slope(state)

    def begin(self, noise: Float[np.ndarray, "N Z"], step: float) -> Float[np.ndarray, "N D"]:
        begun: np.ndarray = noise - noise.mean(1, keepdims=True)
        return begun

    def run(self, state: Float[np.ndarray, "N D"], h: float, steps: int) -> Float[np.ndarray, "N D"]:
        return _stepper(self.points, self.domain, h).run(state, steps)

    def step(self, state: Float[np.ndarray, "N D"], h: float) -> Float[np.ndarray, "N D"]:
        return self.run(state, h, 1)


@lru_cache(maxsize=8)
def _stepper(points: int, domain: float, h: float) -> Stepper:
    waves = waves_of(points, domain)
    return stepper(waves, waves.spread(lambda q: q * q - q * q * q * q), h)
