"""Standard normal law: its distribution function and the inverse of that, with the same bits on every processor.

    Phi(z) = erfc(-z / sqrt 2) / 2,   erfc by the rational approximations of Cody (1969), "Rational Chebyshev approximations for
                                      the error function", with the coefficients of his CALERF (1990)
    Phi^-1(u)                         algorithm AS 241, PPND16 (Wichura 1988), good to 1 part in 10^16

Both are computed in double precision from products, divisions and the functions of `freerun.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float

from freerun.arithmetic import exponential_anywhere, logarithm, root
from freerun.deferred_imports import torch

ROOT_2, ROOT_2_PI, ROOT_PI = 1.4142135623730951, 2.5066282746310002, 1.7724538509055161
#: The logarithm of the root of 2 pi.
LOG_ROOT_2_PI = 0.9189385332046727

#: Numerators and denominators, the highest power first: of erf(x) / x in x^2 below .46875, of erfc(x) exp(x^2) in x up to 4,
#: and of the rest of the asymptotic series in 1 / x^2 beyond.
_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
        8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
    ),
    (
        1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3, 3.29079923573345963e3,
        4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ),
)  # fmt: skip
_FAR = (
    (
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1, 1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3),
)  # fmt: skip
#: The same of the inverse: in .180625 - (u - .5)^2, and in the root of -log of the tail less 1.6, and less 5.
_CENTRE = (
    (
        2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
        1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080,
    ),
    (
        5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
        5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
    ),
)  # fmt: skip
_TAIL = (
    (
        7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
        3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734,
    ),
    (
        1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
        6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0,
    ),
)  # fmt: skip
_LAST = (
    (
        2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
        2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720,
    ),
    (
        2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
        1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
    ),
)  # fmt: skip


def density(z: Float[torch.Tensor, "*batch"]) -> Float[torch.Tensor, "*batch"]:
    """phi(z), in double precision."""
    z = z.double()
    return exponential_anywhere(-0.5 * z * z) / ROOT_2_PI


def distribution(z: Float[torch.Tensor, "*batch"]) -> Float[torch.Tensor, "*batch"]:
    """Phi(z), the probability of a value of at most z, in double precision, with a small relative error in both tails."""
    z = z.double()
    x = z.abs() / ROOT_2
    tail = _tail(x) / 2
    return torch.where(z < 0, tail, 1 - tail)


def quantile(u: Float[torch.Tensor, "*batch"]) -> Float[torch.Tensor, "*batch"]:
    """Phi^-1(u), in double precision, for u in (0, 1)."""
    u = u.double()
    off = u - 0.5
    middle = off * _ratio(_CENTRE, 0.180625 - off * off)
    depth = root(-logarithm(torch.minimum(u, 1 - u).clamp(min=1e-300)))
    far = torch.where(depth <= 5, _ratio(_TAIL, depth - 1.6), _ratio(_LAST, depth - 5))
    return torch.where(off.abs() <= 0.425, middle, torch.where(off < 0, -far, far))


def _tail(x: torch.Tensor) -> torch.Tensor:
    """Return erfc(x) of an x that is at least 0."""
    near = 1 - x * _ratio(_NEAR, x * x)
    inverse = 1 / (x * x).clamp(min=1.0)
    rest = inverse * _ratio(_FAR, inverse)
    far = (1 / ROOT_PI - rest) / x.clamp(min=1.0)
    scaled = torch.where(x <= 4, _ratio(_MIDDLE, x.clamp(max=4.0)), far)
    # exp(-x^2) from a square whose rounding is known: x = whole sixteenths + what is left over
    whole = (x * 16).floor() / 16
    decay = exponential_anywhere(-whole * whole) * exponential_anywhere(-(x - whole) * (x + whole))
    return torch.where(x <= 0.46875, near, torch.where(x < 30, decay, 0.0) * scaled)


def _ratio(of: tuple[Sequence[float], Sequence[float]], x: torch.Tensor) -> torch.Tensor:
    """Return the ratio of two polynomials."""
    above, below = (_polynomial(coefficients, x) for coefficients in of)
    return above / below


def _polynomial(coefficients: Sequence[float], x: torch.Tensor) -> torch.Tensor:
    value = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value
