"""Tests of the chaotic flows: their equations, and the Lyapunov exponents of the literature."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import scipy.stats
import torch

from freerun.errors import ConfigError
from freerun.laws import tasks as kit
from freerun.parts.tasks import _flows
from freerun.parts.tasks._scaling import Predict
from freerun.parts.tasks.hyper_roessler import HyperRoessler
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.lorenz96 import Lorenz96
from freerun.parts.tasks.mackey_glass import MackeyGlass
from freerun.parts.tasks.roessler import Roessler
from freerun.parts.tasks.thomas import Thomas
from freerun.random_streams import stream

FLOWS = [Lorenz63, Roessler, Thomas, Lorenz96, MackeyGlass, HyperRoessler]
NAMED = {"ids": lambda x: getattr(x, "__name__", None)}

EXPONENTS = [
    (Lorenz63, 0.9056, 0.006),  # Sprott 2003
    (Roessler, 0.0714, 0.002),  # Sprott 2003
    (Thomas, 0.055, 0.004),  # Teutsch & Maeder 2022
    (Lorenz96, 1.68, 0.05),  # Lorenz & Emanuel 1998: 1.65; Karimi & Paul 2010, N = 40: 1.69
    (HyperRoessler, 0.112, 0.009),  # Wolf et al. 1985: 0.16 bits a time unit = 0.111
    (MackeyGlass, 0.00515, 0.0004),  # see there
]
"""Literature, and a tolerance of four standard errors of the estimate plus the last digit of the literature.

Mackey-Glass is compared with a separate computation (tangent equation, Hermite interpolation, 34 and 100 steps a delay, 100
histories of 8,000 time units: 0.00518 and 0.00514, each with a standard error of 0.00004): what is published are short single
orbits, which range from 0.0056 to 0.006, while orbits of 8,000 time units have a standard deviation of 0.0004 among them.
"""


def _starts(cls: type, count: int, seed: int = 0) -> np.ndarray:
    return stream(seed, "test").normal(size=(count, cls().numbers()))


@pytest.mark.parametrize("cls", FLOWS[:-1], **NAMED)
def test_after_the_transient_orbits_are_on_the_attractor(cls):
    """Each coordinate is distributed as after twice the transient and more, from other starts: a chi-square test of 20 bins."""
    task, count = cls(), 1024
    early, late = (
        replace(task, transient=time).orbits(_starts(cls, count, seed), 1)[0]
        for seed, time in enumerate((task.transient, 3 * task.transient))
    )
    for i in range(min(3, late.shape[1])):
        edges = np.quantile(late[:, i], np.linspace(0, 1, 21)[1:-1])
        counts = [np.bincount(np.searchsorted(edges, part[:, i]), minlength=20) for part in (early, late)]
        assert scipy.stats.chi2_contingency(counts).pvalue > 1e-4, f"coordinate {i}"


def test_few_orbits_of_lorenz63_begin_near_an_equilibrium():
    """Within .2 standard deviations of one: of a thousand a few on the attractor, and tens after 5 time units."""
    wing = np.sqrt(8 / 3 * 27)
    places = np.array([[0, 0, 0], [wing, wing, 27], [-wing, -wing, 27]])
    shares = []
    for transient in (5.0, Lorenz63().transient):
        states = Lorenz63(transient=transient).orbits(_starts(Lorenz63, 4096), 1)[0]
        apart = np.sqrt(np.square((states[:, None] - places) / states.std(0)).mean(-1)).min(1)
        shares.append((apart < 0.2).mean())
    assert shares[0] > 0.015
    assert shares[1] < 0.003


@pytest.mark.parametrize("cls", FLOWS, **NAMED)
def test_a_default_window_holds_the_warmup_and_as_much_to_learn(cls):
    assert cls().length >= cls().own_warmup + 30


@pytest.mark.parametrize(("cls", "wanted", "tolerance"), EXPONENTS, **NAMED)
def test_the_computed_exponent_is_that_of_the_literature(cls, wanted, tolerance):
    rate, error = cls().exponent()
    assert abs(rate - wanted) < tolerance
    assert 0 < error < 0.025 * wanted
    assert cls().lyapunov_steps() == pytest.approx(1 / (rate * cls().dt))


def test_the_exponent_belongs_to_the_equations_and_is_computed_once():
    assert Lorenz63().lyapunov_steps() == 2 * Lorenz63(dt=0.04, substeps=5).lyapunov_steps()
    with mock.patch.object(_flows, "neighbours_part", side_effect=AssertionError("computed again")):
        Lorenz63(dt=0.01, sequences=8, length=5, predict=Predict.increment).exponent()


def test_the_exponent_of_lorenz63_is_that_of_the_tangent_equation():
    """An independent way: the Jacobian's equation along the orbit. Both have standard errors below 0.003."""
    chance, h = stream(3, "test"), 0.01
    orbits = Lorenz63(transient=10.0).orbits(chance.normal(size=(400, 3)), 1)[0]
    v, total, steps = chance.normal(size=(400, 3)), 0.0, 4000

    def slope(both):
        (x, y, z), (a, b, c) = both
        flow = [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]
        return np.array([flow, [10 * (b - a), a * (28 - z) - x * c - b, a * y + x * b - 8 / 3 * c]])

    both = np.array([orbits.T, v.T])
    for k in range(steps + 1000):
        a = slope(both)
        b = slope(both + h / 2 * a)
        c = slope(both + h / 2 * b)
        both = both + h / 6 * (a + 2 * b + 2 * c + slope(both + h * c))
        if k % 10 == 9:
            size = np.sqrt((both[1] ** 2).sum(0))
            both[1] /= size
            total += np.log(size).mean() if k >= 1000 else 0.0
    assert total / (steps * h) == pytest.approx(Lorenz63().exponent()[0], abs=0.012)


@pytest.mark.parametrize(
    "task",
    [Lorenz63(rho=20.0), Thomas(b=0.25), Roessler(c=2.5), MackeyGlass(tau=10.0), Lorenz96(points=4, forcing=4.0)],
    ids=lambda task: type(task).__name__,
)
def test_without_chaos_there_is_no_lyapunov_time(task):
    """Fixed points and limit cycles: below Lorenz' rho of 24.06, Thomas' b above 0.2082, Roessler's cascade, tau below 16.8."""
    assert task.lyapunov_steps() is None


@pytest.mark.parametrize("cls", FLOWS, **NAMED)
def test_halving_the_integration_step_gains_a_factor_of_16(cls):
    """Order four, over a time in which errors grow little; and what a step leaves is below 2e-3 of the attractor's width."""
    task, noise = cls(), _starts(cls, 20)
    h, span = task.dt / task.substeps, min(20, max(1, round(0.2 / (task.exponent()[0] * task.dt))))
    if cls is MackeyGlass:  # the state is a grid, another for every step: all three are cut from one fine solution
        history = [task.run(task.begin(noise, h / 4), h / 4, 8000)]
        for _ in range(8):
            history.append(task.step(history[-1], h / 4))
        fine = np.concatenate([history[0], np.stack([state[:, -1] for state in history[1:]], 1)], 1)
        states = [fine[:, ::-1][:, :: 4 // n][:, : 34 * n + 2][:, ::-1] for n in (1, 2, 4)]
    else:
        states = [task.run(task.begin(noise, h), h, 1500)] * 3
    coarse, fine, finest = (
        np.stack([task.seen(s) for s in _samples(task, state, n * task.substeps, span)])
        for n, state in zip((1, 2, 4), states, strict=True)
    )
    assert np.abs(coarse - fine).max() < 2e-3 * coarse.std()
    assert np.median(np.abs(coarse - fine)) / np.median(np.abs(fine - finest)) == pytest.approx(16, rel=0.25)


def _samples(task, state, substeps, span):
    for _ in range(span):
        state = task.run(state, task.dt / substeps, substeps)
        yield state


@pytest.mark.parametrize(
    ("task", "slope"),
    [
        (Roessler, lambda x, y, z: [-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)]),
        (Thomas, lambda x, y, z: [np.sin(y) - 0.1 * x, np.sin(z) - 0.1 * y, np.sin(x) - 0.1 * z]),
        (HyperRoessler, lambda x, y, z, w: [-y - z, x + 0.25 * y + w, 3 + x * z, 0.05 * w - 0.5 * z]),
        (Lorenz96, lambda *x: [(x[(i + 1) % 40] - x[i - 2]) * x[i - 1] - x[i] + 8 for i in range(40)]),
    ],
    **NAMED,
)
def test_an_orbit_follows_its_published_equations(task, slope):
    """Central differences of second order: an error of dt^2 / 6 of a third derivative, here below 1e-4 of the slopes."""
    x = task(dt=1e-3, substeps=1, transient=1.0).orbits(_starts(task, 5, 1), 30)
    found, wanted = (x[2:] - x[:-2]) / 2e-3, np.stack(slope(*np.moveaxis(x[1:-1], -1, 0)), -1)
    assert np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_a_mackey_glass_orbit_follows_its_equation():
    x = MackeyGlass(dt=0.05, substeps=1, transient=200.0).orbits(_starts(MackeyGlass, 5), 500)[:, :, 0]
    found, delayed = (x[342:] - x[340:-2]) / 0.1, x[1:-341]
    wanted = 0.2 * delayed / (1 + delayed**10) - 0.1 * x[341:-1]
    assert np.abs(found - wanted).max() < 1e-3 * np.abs(wanted).max()


@pytest.mark.parametrize("cls", FLOWS, **NAMED)
def test_the_test_part_does_not_touch_training(cls):
    def build(shift: float):
        orbits = cls.orbits

        def shifted(self, noise, length):
            noise = noise.copy()
            noise[self.sequences :] += shift
            return orbits(self, noise, length)

        with mock.patch.object(cls, "orbits", shifted):
            return cls(sequences=24, predict=Predict.increment, transient=0.0).build(0, 12)

    kit.law_training_is_the_same(build(0.0), build(0.5))


@pytest.mark.parametrize("cls", FLOWS, **NAMED)
def test_increments_have_unit_spread_and_values_unit_variance(cls):
    data = cls(sequences=32, predict=Predict.increment, length=30).build(0, 30)
    part = data.splits["train"]
    whole = torch.cat([part.start[None], part.targets]).double()
    assert whole.mean((0, 1)).abs().max() < 1e-4  # float32
    assert (whole.std((0, 1), correction=0) - 1).abs().max() < 1e-4
    assert ((whole.diff(dim=0) / data.residual).std((0, 1), correction=0) - 1).abs().max() < 1e-3


def test_settings_that_leave_no_attractor_are_refused_in_one_line():
    for task in (Roessler(a=0.6), Roessler(c=40.0, b=9.0), HyperRoessler(d=0.5)):
        with pytest.raises(ConfigError, match="leave every bound") as fault:
            task.check(10)
        assert len(str(fault.value)) <= 200
        with pytest.raises(ConfigError, match="leave every bound"):
            replace(task, sequences=8).build(0, 10)
    with pytest.raises(ConfigError, match="come to rest"):
        Lorenz63(rho=0.5, transient=50.0, sequences=8).build(0, 10)


@pytest.mark.parametrize(
    ("cls", "settings", "rule"),
    [
        (Lorenz63, {"sigma": 0.0}, "sigma must be positive"),
        (Lorenz63, {"substeps": 0}, "substeps must be at least 1"),
        (Lorenz63, {"dt": 0.2}, "make dt / substeps at most 0.02"),
        (Roessler, {"dt": 0.0}, "dt must be positive"),
        (Thomas, {"b": 1.5}, "b must lie in"),
        (Lorenz96, {"points": 3}, "points must lie in"),
        (MackeyGlass, {"tau": 17.3}, "tau must be a whole number"),
        (MackeyGlass, {"n": -1.0}, "n must be positive"),
        (HyperRoessler, {"substeps": 1}, "make dt / substeps"),
    ],
)
def test_a_setting_out_of_range_is_refused(cls, settings, rule):
    with pytest.raises(ConfigError, match=rule):
        cls(**settings)
