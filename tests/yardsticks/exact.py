"""Exact optima: the best that a model can learn, from the written-down objective alone.

Nothing here knows the engine. Where no formula is closed, an objective of one or two numbers is minimised until its derivative
is 0 to the last bits.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import brentq, least_squares


def minimum(objective, slope, low: float, high: float, points: int = 20_001) -> float:
    """The global minimum of a smooth function of one number: the best point of a grid, then the root of the slope beside it."""
    grid = np.linspace(low, high, points)
    best = int(np.argmin([objective(x) for x in grid]))
    left, right = grid[max(best - 1, 0)], grid[min(best + 1, points - 1)]
    return brentq(slope, left, right, xtol=1e-15, rtol=4 * np.finfo(float).eps)


@cache
def errors_in_variables(s: float, phi: float, horizon: int) -> float:
    """The best weight a of yhat_k = a^k y_0 over k = 1..T: the minimum of sum_k a^(2k) - 2 a^k s phi^k."""
    k = np.arange(1, horizon + 1)

    def objective(a: float) -> float:
        return float((a ** (2 * k) - 2 * a**k * s * phi**k).sum())

    def slope(a: float) -> float:
        return float((2 * k * (a ** (2 * k - 1) - a ** (k - 1) * s * phi**k)).sum())

    return minimum(objective, slope, -1.0, 1.0)  # |a| <= |phi|: beyond it every term grows


def errors_in_variables_loss(a: float, s: float, phi: float, horizon: int, forced: bool = False) -> np.ndarray:
    """The expected squared error of weight a at each lead time 1..T, forced or running freely from y_0."""
    k = np.ones(horizon) if forced else np.arange(1, horizon + 1)
    return 1 + a ** (2 * k) - 2 * s * (a * phi) ** k


def stencil(horizon: int, cfl: float = -0.75, points: int = 30, modes: int = 5) -> np.ndarray:
    """The best (w0, w1) of u'[i] = w0 u[i] + w1 u[i+1] over T unrolled steps, all modes having the same power.

    The minimum of sum_{t=1..T} sum_{k=1..m} |g_k^t - exp(-i t theta_k)|^2 with g_k = w0 + w1 exp(2 pi i k / N) and
    theta_k = 2 pi k CFL / N, followed from T = 1, where it is a linear problem.
    """
    k = 2 * np.pi * np.arange(1, modes + 1) / points
    shift, turn = np.exp(1j * k), np.exp(-1j * k * cfl)
    w = np.zeros(2)
    for steps in range(1, horizon + 1):
        t = np.arange(1, steps + 1)[:, None]

        def residuals(w, t=t):
            difference = ((w[0] + w[1] * shift) ** t - turn**t).ravel()
            return np.concatenate([difference.real, difference.imag])

        def jacobian(w, t=t):
            inner = t * (w[0] + w[1] * shift) ** (t - 1)
            columns = np.stack([inner.ravel(), (inner * shift).ravel()], axis=1)
            return np.concatenate([columns.real, columns.imag])

        w = least_squares(residuals, w, jacobian, xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    return w


def stencil_gain(w: np.ndarray, points: int = 30, modes: int = 5) -> float:
    """The largest factor by which one step stretches a mode that the data holds: above 1 the stencil is unstable."""
    k = np.arange(1, modes + 1)
    return float(np.abs(w[0] + w[1] * np.exp(2j * np.pi * k / points)).max())


def two_step_mixture(a: float, p: tuple[float, float], eps: float, q1: float) -> np.ndarray:
    """The best Q(x2=1|c) for c = 0, 1 if the first symbol is drawn from Q(x1=1) = q1 wherever the truth is not fed.

    With probability eps the context is the true x1 and the target belongs to it. Otherwise the context is a draw from Q, which
    knows nothing of the true x1, while the target still is the true x2: given the context its law is the marginal P(x2). The
    best answer to a context is the mean of its targets.
    """
    true, own = np.array([1 - a, a]), np.array([1 - q1, q1])
    marginal = true @ np.array(p)
    return (eps * true * np.array(p) + (1 - eps) * own * marginal) / (eps * true + (1 - eps) * own)


def huszar_stopped(a: float, p: tuple[float, float], eps: float) -> tuple[float, float, float]:
    """Q(x1=1), Q(x2=1|0), Q(x2=1|1) of scheduled sampling with the gradient stopped at the feedback (Huszar 2015).

    Nothing then moves Q(x1) but its own term, so Q(x1) = P(x1), and Q(x2|c) = eps P(x2|c) + (1-eps) P(x2).
    """
    q0, q1 = two_step_mixture(a, p, eps, a)
    return a, float(q0), float(q1)


def huszar_objective(q: tuple[float, float, float], a: float, p: tuple[float, float], eps: float) -> float:
    """J(Q) = E_{x1~P}[-log Q(x1)] + eps E_{x1~P} E_{x2~P(.|x1)}[-log Q(x2|x1)] + (1-eps) E_{c~Q} E_{x2~P(x2)}[-log Q(x2|c)]."""
    true, own = np.array([1 - a, a]), np.array([1 - q[0], q[0]])
    answers, given = np.array([[1 - q[1], q[1]], [1 - q[2], q[2]]]), np.array([[1 - p[0], p[0]], [1 - p[1], p[1]]])
    own_cost, costs = -(true * np.log(own)).sum(), -np.log(answers)
    forced = (true[:, None] * given * costs).sum()
    sampled = (own[:, None] * (true @ given) * costs).sum()
    return float(own_cost + eps * forced + (1 - eps) * sampled)


def huszar_full(a: float, p: tuple[float, float], eps: float, points: int = 20_001) -> tuple[float, float, float]:
    """The same with the full gradient through the sampling distribution: the minimum of `huszar_objective` over all of Q.

    For a given Q(x1) the best Q(x2|c) is the mixture; by the envelope theorem the slope in Q(x1) is then that of J with the
    second factor held still.
    """

    def best(q1: float) -> tuple[float, float, float]:
        q0, q2 = two_step_mixture(a, p, eps, q1)
        return q1, float(q0), float(q2)

    marginal = (1 - a) * p[0] + a * p[1]

    def cost(answer: float) -> float:
        """E_{x2~P(x2)}[-log Q(x2|c)] for Q(x2=1|c) = answer."""
        return -(marginal * np.log(answer) + (1 - marginal) * np.log(1 - answer))

    def slope(q1: float) -> float:
        _, zero, one = best(q1)
        return (1 - a) / (1 - q1) - a / q1 + (1 - eps) * (cost(one) - cost(zero))

    return best(minimum(lambda q1: huszar_objective(best(q1), a, p, eps), slope, 1e-6, 1 - 1e-6, points))


def errors_in_variables_rmse(signal: float, regime: str, mode: str, horizon: int = 20, phi: float = 0.95) -> np.ndarray:
    """The root mean squared error at each lead 1..T of the model that a regime leads to, forced or free."""
    a = errors_in_variables(signal, phi, horizon if regime == "free_running" else 1)
    return np.sqrt(errors_in_variables_loss(a, signal, phi, horizon, forced=mode == "forced"))


def stencil_rmse(cfl: float, regime: str, mode: str, horizon: int = 20, points: int = 30, modes: int = 5) -> np.ndarray:
    """The same of the two-tap stencil; a, b ~ U(-1, 1) give every mode the mean square 1/3 over points."""
    w = stencil(horizon if regime == "free_running" else 1, cfl, points, modes)
    k, t = 2 * np.pi * np.arange(1, modes + 1) / points, np.arange(1, horizon + 1)[:, None]
    steps = np.ones_like(t) if mode == "forced" else t
    return np.sqrt((np.abs((w[0] + w[1] * np.exp(1j * k)) ** steps - np.exp(-1j * steps * k * cfl)) ** 2).sum(1) / 3)


def adding_rmse() -> float:
    """The error of always saying 1 where the sum of two numbers from U(0, 1) is asked for: the root of 2/12."""
    return (1 / 6) ** 0.5


def two_step_error(a: float, p: tuple[float, float], eps: float, gradient: str, prefixes: str = "true") -> float:
    """The one-step error in total variation, over true or own prefixes, at the optimum of the stopped or the full gradient."""
    full = gradient == "full" and 0 < eps < 1
    q = huszar_full(a, p, eps, points=201) if full else huszar_stopped(a, p, eps)
    first = a if prefixes == "true" else q[0]
    return (abs(q[0] - a) + (1 - first) * abs(q[1] - p[0]) + first * abs(q[2] - p[1])) / 2
