"""Tests of the exact optima: they give the printed digits, and they are optima."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from tiers import tiered
from yardsticks import exact


@pytest.mark.parametrize(
    ("horizon", "printed"),
    [(1, 0.76), (2, 0.825897), (5, 0.888429), (10, 0.915104), (20, 0.929346), (50, 0.936449), (100, 0.937061)],
)
def test_errors_in_variables(horizon, printed):
    assert exact.errors_in_variables(0.8, 0.95, horizon) == pytest.approx(printed, abs=6e-7)  # six digits are printed
    assert exact.errors_in_variables(1.0, 0.95, horizon) == pytest.approx(0.95, abs=1e-12)


@pytest.mark.parametrize(("s", "phi", "horizon"), [*itertools.product([0.05, 0.5, 0.97], [-0.9, 0.3, 0.99], [1, 2, 3, 40])])
def test_errors_in_variables_is_a_minimum(s, phi, horizon):
    best = exact.errors_in_variables(s, phi, horizon)
    loss = [exact.errors_in_variables_loss(a, s, phi, horizon).sum() for a in (best - 1e-4, best, best + 1e-4)]
    assert loss[1] == min(loss)
    grid = [exact.errors_in_variables_loss(a, s, phi, horizon).sum() for a in np.linspace(-1, 1, 501)]
    assert loss[1] <= min(grid)
    if horizon == 1:
        assert best == pytest.approx(s * phi, abs=1e-12)


@pytest.mark.parametrize(("horizon", "printed"), [(1, 0.03314), (5, 0.02867), (20, 0.01753)])
def test_stencil(horizon, printed):
    assert np.hypot(*(exact.stencil(horizon) - [0.25, 0.75])) == pytest.approx(printed, abs=6e-6)  # five digits are printed


def test_the_stencil_of_one_step_is_unstable():
    assert exact.stencil_gain(exact.stencil(1)) == pytest.approx(1.041, abs=6e-4)
    assert exact.stencil_gain(np.array([0.25, 0.75])) < 1


@pytest.mark.parametrize(("horizon", "cfl"), [*itertools.product([1, 3, 12, 30], [-1.0, -0.9, -0.5, -0.2, 0.0])])
def test_the_stencil_is_a_minimum(horizon, cfl):
    k = np.arange(1, 6)
    t = np.arange(1, horizon + 1)[:, None]

    def objective(w):
        gain = w[0] + w[1] * np.exp(2j * np.pi * k / 30)
        return (np.abs(gain**t - np.exp(-2j * np.pi * k * cfl * t / 30)) ** 2).sum()

    best = exact.stencil(horizon, cfl)
    around = [best + 1e-4 * np.array([np.cos(x), np.sin(x)]) for x in np.linspace(0, 2 * np.pi, 12)]
    assert objective(best) <= min(map(objective, around))
    assert objective(best) <= objective(np.array([1 + cfl, -cfl])) + 1e-20  # first-order upwind
    if cfl in (0.0, -1.0):
        assert np.abs(best - [1 + cfl, -cfl]).max() < 1e-9  # a whole step is an exact shift


@pytest.mark.parametrize(("eps", "printed"), [(1, 0.1), (0.75, 0.2), (0.5, 0.3), (0.25, 0.4), (0, 0.5)])
def test_huszar(eps, printed):
    for optimum in (exact.huszar_stopped, exact.huszar_full):  # the two agree by symmetry
        assert optimum(0.5, (0.1, 0.9), eps) == pytest.approx((0.5, printed, 1 - printed), abs=1e-12)


CASES = list(itertools.product([0.2, 0.5, 0.85], [(0.1, 0.9), (0.7, 0.2), (0.05, 0.4)], [0.0, 0.25, 0.6, 1.0]))


@pytest.mark.parametrize(("a", "p", "eps"), CASES)
def test_stopped_gradient_mixes_with_the_marginal(a, p, eps):
    marginal = (1 - a) * p[0] + a * p[1]
    wanted = (a, *(eps * x + (1 - eps) * marginal for x in p))
    assert exact.huszar_stopped(a, p, eps) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(("a", "p", "eps"), tiered(CASES, quick=lambda case: case[0] == 0.5))
def test_the_full_gradient_finds_the_minimum_of_the_objective(a, p, eps):
    """Against a minimiser that knows nothing but the objective, over the logits of Q from several starts."""
    found = exact.huszar_full(a, p, eps)

    def objective(logits):
        return exact.huszar_objective(tuple(1 / (1 + np.exp(-logits))), a, p, eps)

    starts = ([0.0, 0, 0], [2.0, -1, 1], [-2.0, 1, -1])
    runs = [minimize(objective, x, method="BFGS") for x in starts]
    best = min(runs, key=lambda run: run.fun)
    value = exact.huszar_objective(found, a, p, eps)
    assert value <= best.fun + 1e-13
    assert best.fun < value + 1e-8  # it stops at a slope of 1e-5
    assert value <= exact.huszar_objective(exact.huszar_stopped(a, p, eps), a, p, eps) + 1e-13
    if eps > 0:  # at eps = 0 the second factor is P(x2) for every context, which says it all
        assert found == pytest.approx(tuple(1 / (1 + np.exp(-best.x))), abs=1e-4)  # its slopes are numerical, good to 1e-5


def test_an_asymmetric_case_tells_the_two_gradients_apart():
    stopped, full = (optimum(0.1, (0.05, 0.9), 0.5) for optimum in (exact.huszar_stopped, exact.huszar_full))
    assert stopped == pytest.approx((0.1, 0.0925, 0.5175), abs=1e-12)
    assert full == pytest.approx((0.0858, 0.0928, 0.5466), abs=6e-5)


def test_the_objective_is_what_sampling_estimates():
    """Draw sequences, coins and contexts; the mean of the charged losses, within five standard errors."""
    a, p, eps, q = 0.3, (0.2, 0.7), 0.4, (0.35, 0.25, 0.55)
    chance, n = np.random.default_rng(0), 400_000
    x1 = chance.random(n) < a
    x2 = chance.random(n) < np.where(x1, p[1], p[0])
    context = np.where(chance.random(n) < eps, x1, chance.random(n) < q[0])
    answer = np.where(context, q[2], q[1])
    losses = -np.log(np.where(x1, q[0], 1 - q[0])) - np.log(np.where(x2, answer, 1 - answer))
    assert abs(losses.mean() - exact.huszar_objective(q, a, p, eps)) < 5 * losses.std() / np.sqrt(n)
