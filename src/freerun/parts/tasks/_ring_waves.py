"""Fields on a ring by their waves: exponential time steps for stiff equations with a quadratic term.

    u_t = l(q) u - 1/2 (u^2)_x

of waves q = 2 pi k / length, k up to a third of the points, so that the square falsifies no wave (Orszag 1971). Time steps
are those of ETDRK4 (Cox & Matthews 2002; Kassam & Trefethen 2005, SIAM J. Sci. Comput. 26, 1214, eq. 2.5), of order four (less
where fast waves are driven by slow ones; Hochbruck & Ostermann 2005, SIAM J. Numer. Anal. 43, 1069), with

    phi_1(z) = (e^z - 1) / z,   phi_k+1(z) = (phi_k(z) - 1/k!) / z

from their Taylor series where z is small. Fast Fourier transforms, and products of a library, differ in their last bits from
one processor to another: here numbers are cut into parts whose products are summed without any rounding (`Exact`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from freerun.arithmetic import exponential
from freerun.deferred_imports import torch

#: Binary places of each part of a number: a sum of 256 products of two has at most 52.
BITS = 22
#: Multiplications of a product at most: larger ones a library would share out among threads, which takes it longer.
PRODUCT = 2**18
#: A factor that is below this leaves nothing.
NOTHING = 2.0**-100
#: Terms of a Taylor series, used up to |z| = 1.
_TERMS = 22


@dataclass(frozen=True, kw_only=True, eq=False)
class Waves:
    """The waves of a ring: 1, then the cosines, then the sines of waves 1 .. m, W = 2 m + 1.

    Attributes:
        made: ``[D W]``, the points of each wave; `found` is its transpose.
        size: ``[W 1]``, one over the sum of squares of each wave over the points.
        slope: q of waves 1 .. m.
    """

    made: Exact
    found: Exact
    size: Float[np.ndarray, "W 1"]
    slope: Float[np.ndarray, " m"]

    def of(self, fields: Float[np.ndarray, "D N"]) -> Float[np.ndarray, "W N"]:
        """Return the waves of fields; what is shorter than the waves is left out."""
        waves: np.ndarray = self.size * (self.found @ fields)
        return waves

    def fields(self, sines: Float[np.ndarray, "N k"], cosines: Float[np.ndarray, "N k"]) -> Float[np.ndarray, "N D"]:
        """Return the fields of some first sines and cosines."""
        waves, count = np.zeros((1 + 2 * len(self.slope), len(sines))), sines.shape[1]
        waves[1 : count + 1], waves[1 + len(self.slope) : 1 + len(self.slope) + count] = cosines.T, sines.T
        made: np.ndarray = np.ascontiguousarray((self.made @ waves).T)
        return made

    def derivative(self, waves: Float[np.ndarray, "W N"]) -> Float[np.ndarray, "W N"]:
        """Return the waves of u_x."""
        count, slope = len(self.slope), self.slope[:, None]
        return np.concatenate([np.zeros_like(waves[:1]), slope * waves[count + 1 :], -slope * waves[1 : count + 1]])

    def spread(self, rates: Callable[[Float[np.ndarray, " k"]], Float[np.ndarray, " k"]]) -> Float[np.ndarray, " W"]:
        """Return a function of q for every wave."""
        shared = rates(self.slope)
        return np.concatenate([rates(np.zeros(1)), shared, shared])


def waves_of(points: int, length: float) -> Waves:
    """Return the waves of a ring of so many points, and of a length."""
    count = (points - 1) // 3
    angle = 2 * np.pi / points * np.outer(np.arange(points), np.arange(1, count + 1))
    made = np.concatenate([np.ones((points, 1)), np.cos(angle), np.sin(angle)], axis=1)
    size = np.concatenate([np.ones(1), np.full(2 * count, 2.0)]) / points
    slope = 2 * np.pi / length * np.arange(1, count + 1)
    return Waves(made=Exact.of(made), found=Exact.of(made.T), size=size[:, None], slope=slope)


@dataclass(frozen=True, eq=False)
class Exact:
    """A matrix of numbers in [-1, 1], as a sum of two whose products with numbers of `BITS` bits are summed without rounding.

    Whatever sums them, in whatever order and with whatever instructions, then gives the same bits (Ozaki, Ogita, Oishi & Rump
    2012, Numer. Algorithms 59, 95); what is left out is below 2^-44 of the largest term.

    Attributes:
        high: to `BITS` binary places.
        both: `high`, and below it the next `BITS` places.
    """

    high: Float[np.ndarray, "O I"]
    both: Float[np.ndarray, "_ I"]

    @classmethod
    def of(cls, matrix: Float[np.ndarray, "O I"]) -> Exact:
        """Return a matrix in two parts."""
        high, low = _parts(matrix)
        return cls(high, np.concatenate([high, low]))

    def __matmul__(self, columns: Float[np.ndarray, "I N"]) -> Float[np.ndarray, "O N"]:
        """Return the product; each column has the same bits beside any others."""
        scale = np.ldexp(1.0, np.frexp(np.abs(columns).max(0))[1])
        high, low = _parts(columns / scale)
        upper, count = self.both @ high, len(self.high)
        product: np.ndarray = (upper[:count] + (upper[count:] + self.high @ low)) * scale
        return product


def _parts(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first `BITS` binary places of numbers in [-1, 1], and the next ones; adding and taking away rounds."""
    coarse, fine = 1.5 * 2.0 ** (52 - BITS), 1.5 * 2.0 ** (52 - 2 * BITS)
    high = (numbers + coarse) - coarse
    return high, ((numbers - high) + fine) - fine


@dataclass(frozen=True, kw_only=True, eq=False)
class Stepper:
    """An exponential time step of a size.

    Attributes:
        waves: of the ring.
        rates: l of every wave, ``[W 1]``.
        whole, half: e^z and e^(z / 2) of every wave, ``[W 1]``; z = h l.
        middle, first, between, last: what weighs the quadratic term, ``[W 1]``.
    """

    waves: Waves
    rates: Float[np.ndarray, "W 1"]
    whole: Float[np.ndarray, "W 1"]
    half: Float[np.ndarray, "W 1"]
    middle: Float[np.ndarray, "W 1"]
    first: Float[np.ndarray, "W 1"]
    between: Float[np.ndarray, "W 1"]
    last: Float[np.ndarray, "W 1"]

    def run(self, state: Float[np.ndarray, "N D"], steps: int) -> Float[np.ndarray, "N D"]:
        """Return the fields so many steps later; waves that are too short to be kept are left out at the start."""
        lot = max(1, PRODUCT // (2 * self.waves.made.high.size))
        lots = [self._run(state[first : first + lot].T, steps).T for first in range(0, len(state), lot)]
        return np.ascontiguousarray(np.concatenate(lots))

    def slope(self, state: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
        """Return the right-hand side of the equation, per time unit."""
        v = self.waves.of(state.T)
        return np.ascontiguousarray((self.waves.made @ (self.rates * v + self._bend(v))).T)

    def _run(self, fields: Float[np.ndarray, "D N"], steps: int) -> Float[np.ndarray, "D N"]:
        v = self.waves.of(fields)
        for number in range(steps):
            v = self._step(v)
            if number % 50 == 49 and not np.isfinite(v).all():
                break
        return self.waves.made @ v

    def _step(self, v: Float[np.ndarray, "W N"]) -> Float[np.ndarray, "W N"]:
        begun, resting = self._bend(v), self.half * v
        a = resting + self.middle * begun
        bent = self._bend(a)
        b = resting + self.middle * bent
        again = self._bend(b)
        c = self.half * a + self.middle * (2 * again - begun)
        following: np.ndarray = self.whole * v + self.first * begun + self.between * (bent + again) + self.last * self._bend(c)
        return following

    def _bend(self, v: Float[np.ndarray, "W N"]) -> Float[np.ndarray, "W N"]:
        """The waves of -1/2 (u^2)_x."""
        u = self.waves.made @ v
        return self.waves.derivative(self.waves.of(-0.5 * u * u))


def stepper(waves: Waves, rates: Float[np.ndarray, " W"], h: float) -> Stepper:
    """Return the time step of a size.

    Args:
        waves: of the ring.
        rates: l of every wave.
        h: time units.
    """
    z = h * rates
    one, two, three = (h * phi(k, z)[:, None] for k in (1, 2, 3))
    return Stepper(
        waves=waves, rates=rates[:, None], whole=_exponential(z)[:, None], half=_exponential(z / 2)[:, None],
        middle=h / 2 * phi(1, z / 2)[:, None], first=one - 3 * two + 4 * three,
        between=2 * two - 4 * three, last=4 * three - two,
    )  # fmt: skip


def phi(order: int, z: Float[np.ndarray, " W"]) -> Float[np.ndarray, " W"]:
    """Return phi_k(z) of order k = 1, 2 or 3."""
    series = np.zeros_like(z)
    for power in range(_TERMS, -1, -1):
        series = series * z + 1 / math.factorial(power + order)
    far = np.where(np.abs(z) > 1, z, 1.0)
    value = _exponential(far)
    for k in range(order):
        value = (value - 1 / math.factorial(k)) / far
    return np.where(np.abs(z) > 1, value, series)


def _exponential(z: Float[np.ndarray, " W"]) -> Float[np.ndarray, " W"]:
    """E to the z; 0 where it is too small to be seen: numbers near the least that there are take a hundred times as long."""
    value: np.ndarray = exponential(torch.from_numpy(z)).numpy()
    return np.where(value < NOTHING, 0.0, value)
