"""Tests of fields on a ring: steps against exact solutions, products without rounding, the exponent of the literature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from freerun.config.hydra.compose import experiments
from freerun.errors import ConfigError
from freerun.parts.tasks._lyapunov_exponent import neighbours_part
from freerun.parts.tasks._ring_waves import Exact, phi, stepper, waves_of
from freerun.parts.tasks.burgers import Burgers, _stepper
from freerun.parts.tasks.kuramoto_sivashinsky import KuramotoSivashinsky
from freerun.random_streams import stream


def cole_hopf(sines, cosines, points: int, time: float, viscosity: float) -> np.ndarray:
    """u(x, t) = -2 nu theta_x / theta, where theta is the heat kernel's from exp(-integral of u_0 / 2 nu)."""
    fine = 4096
    y, k = 2 * np.pi * np.arange(fine) / fine, np.arange(1, len(sines) + 1)
    above = (-sines / k * np.cos(np.outer(y, k)) + cosines / k * np.sin(np.outer(y, k))).sum(1)
    theta = np.fft.rfft(np.exp(-above / (2 * viscosity)))
    q = np.arange(len(theta))
    theta = theta * np.exp(-viscosity * q * q * time)
    return (-2 * viscosity * np.fft.irfft(1j * q * theta, fine) / np.fft.irfft(theta, fine))[:: fine // points]


def test_burgers_goes_as_its_exact_solution():
    task = Burgers()
    sines, cosines = stream(0, "test").uniform(-1, 1, (2, 8, 3))
    field, worst = task._stepper().waves.fields(sines, cosines), 0.0
    for number in range(1, 61):
        field = task.onward(field[None])
        true = [cole_hopf(a, b, 64, number * task.dt, task.viscosity) for a, b in zip(sines, cosines, strict=True)]
        worst = max(worst, float(np.abs(field - np.stack(true)).max()))
    assert worst < 1e-3 * np.abs(field).max()


def test_burgers_data_are_its_trajectories():
    task = Burgers(trajectories=8, steps=12, length=4)
    part = task.build(0, 7).splits["train"]
    assert part.targets.shape == (7, 8 * 9, 64)
    fields = part.start.double().numpy()
    for target in part.targets:
        fields = task.onward(fields[None])
        assert np.abs(fields - target.numpy()).max() < 1e-5
    assert np.array_equal(part.start[1], part.targets[0, 0]), "a trajectory's windows stand together"


def test_steps_are_of_order_four():
    """Half the step, a sixteenth of the error; where fast waves are driven by slow ones less, but near enough."""
    field = _stepper(32, 0.1, 0.1).waves.fields(*stream(0, "test").uniform(-1, 1, (2, 8, 2)))
    fine = _stepper(32, 0.1, 1 / 128).run(field, 128)
    errors = [np.abs(_stepper(32, 0.1, h).run(field, round(1 / h)) - fine).mean() for h in (1 / 8, 1 / 16)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.05)
    task = KuramotoSivashinsky()
    state = task.run(task.begin(stream(0, "test").normal(size=(8, 64)), 0.25), 0.25, 200)
    error = task.run(state, 1 / 4, 16) - task.run(state, 1 / 64, 256)
    assert np.abs(error).mean() < 1e-4 * state.std()


@pytest.mark.parametrize(
    "task", [KuramotoSivashinsky(), KuramotoSivashinsky(domain=60.0, points=96)], ids=lambda task: task.points
)
def test_the_right_hand_side_is_the_equation(task):
    """Spectral derivatives of another library, of a smooth field whose square has no wave beyond what is kept."""
    points = np.arange(task.points)
    wave = 2 * np.pi / task.domain
    x = points * task.domain / task.points
    u = np.sin(wave * x) + 0.5 * np.cos(2 * wave * x + 1)
    q = wave * np.arange(task.points // 2 + 1)

    def derivative(field, order):
        return np.fft.irfft((1j * q) ** order * np.fft.rfft(field), task.points)

    wanted = -u * derivative(u, 1) - derivative(u, 2) - derivative(u, 4)
    assert np.abs(task.slope(u[None])[0] - wanted).max() < 1e-10
    h = 1e-4
    assert np.abs((task.step(u[None], h)[0] - u) / h - wanted).max() < 1e-2


def test_the_mean_of_a_field_is_kept_and_short_waves_are_left_out():
    task = KuramotoSivashinsky()
    state = task.begin(stream(0, "test").normal(size=(4, 64)), 0.25)
    assert np.abs(task.run(state, 0.25, 40).mean(1)).max() < 1e-12
    short = np.cos(2 * np.pi * 25 * np.arange(64) / 64)
    assert np.abs(task.run(state + short, 0.25, 4) - task.run(state, 0.25, 4)).max() < 1e-10


def test_products_are_summed_without_rounding():
    """In another order of their terms, and beside other columns, the same bits; and nearly the product itself."""
    chance = stream(0, "test")
    matrix, columns = chance.uniform(-1, 1, (100, 64)), chance.normal(size=(64, 20)) * 10.0 ** chance.integers(-6, 6, 20)
    made, order = Exact.of(matrix) @ columns, chance.permutation(64)
    assert np.array_equal(Exact.of(matrix[:, order]) @ columns[order], made)
    assert np.array_equal(np.concatenate([Exact.of(matrix) @ columns[:, k : k + 1] for k in range(20)], 1), made)
    assert np.abs((made - matrix @ columns) / np.abs(columns).max(0)).max() < 1e-11


@pytest.mark.parametrize("order", [1, 2, 3])
def test_weights_of_exponential_steps_are_integrals(order):
    """phi_k(z) = integral of e^((1 - s) z) s^(k - 1) / (k - 1)! over s from 0 to 1, by Gauss's quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    s, weights = (nodes + 1) / 2, weights / 2
    z = np.array([-30.0, -3.0, -1.0001, -0.9999, -1e-9, 0.0, 0.3, 1.2])
    wanted = (np.exp(np.outer(z, 1 - s)) * s ** (order - 1) / (1, 1, 2)[order - 1] * weights).sum(1)
    assert np.abs(phi(order, z) / wanted - 1).max() < 1e-12


def test_orbits_that_leave_every_bound_end_early():
    steps = stepper(waves_of(16, 6.0), np.full(11, 5.0), 0.5)
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(steps.run(np.full((1, 16), 2.0) + np.arange(16) % 3, 2000)).all()


@pytest.mark.slow
def test_the_exponent_of_kuramoto_sivashinsky_is_that_of_the_literature():
    """0.048 (Cvitanovic, Davidchack & Siminos 2010), 0.043 (Edson et al. 2019), within four standard errors of the estimate."""
    rate, error = neighbours_part(KuramotoSivashinsky(), 0.25)
    assert error < 0.003
    assert 0.043 - 4 * error < rate < 0.048 + 4 * error
    calm, error = neighbours_part(replace(KuramotoSivashinsky(), domain=12.0), 0.25)
    assert calm < 0.005 + 4 * error, "a ring of length 12 has a steady or a travelling wave"


@pytest.mark.parametrize("task", ["burgers", "kuramoto_sivashinsky"])
def test_a_chain_beside_the_model_has_no_gradient_through_the_steps(task):
    """Refused in one line with what to choose, by default too; with that it is composed."""
    words = [f"task={task}", "model=convolution", "regime=free_running", "objective=diverted_chain"]
    for target in ([], ["objective.target=through"]):
        with pytest.raises(
            ConfigError, match=r"^objective=diverted_chain: .* no exact derivative; choose objective\.target=stop$"
        ):
            experiments([*words, *target], sweep=False)
    (run,) = experiments([*words, "objective.target=stop"], sweep=False)
    assert run.objective.target.value == "stop"
