"""The largest Lyapunov exponent belongs to the equations: with half the integration step it is the same, within its error."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from freerun.laws.toolkit import demand
from freerun.parts.tasks import _flows
from freerun.parts.tasks._integration_step import TOLERANCE, step_error
from freerun.parts.tasks._lyapunov_exponent import neighbours_part
from freerun.parts.tasks.hyper_roessler import HyperRoessler
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.lorenz96 import Lorenz96
from freerun.parts.tasks.mackey_glass import MackeyGlass
from freerun.parts.tasks.roessler import Roessler
from freerun.parts.tasks.thomas import Thomas
from tiers import tiered

#: Pairs of orbits, fewer than usual: the errors are the larger.
PAIRS = {Lorenz96: 12, MackeyGlass: 16, Lorenz63: 96, Roessler: 128, Thomas: 64}
FLOWS = [
    *(Lorenz96(forcing=forcing) for forcing in (8.0, 10.0, 20.0, 32.0)),
    *(Lorenz63(rho=rho) for rho in (28.0, 60.0, 160.0, 200.0)),
    *(Roessler(c=c) for c in (5.7, 10.0, 18.0)),
    *(Thomas(b=b) for b in (0.1, 0.18)),
    MackeyGlass(tau=30.0),
]


def named(task):
    return f"{type(task).__name__}-{task._setting()}"


def law_half_the_step_changes_nothing(task) -> None:
    """Where errors grow, the exponent is that of half the step within 3.5 standard errors of the difference."""
    with mock.patch.object(type(task), "pairs", PAIRS[type(task)]):
        (rate, error), (fine, its_error) = (neighbours_part(task, task.widest() / part) for part in (1, 2))
    visible = 2 / (task.spans or (0, 80.0))[1]  # below that, an error does not grow visibly and no time is printed
    demand(bool(np.isfinite([rate, fine]).all()), f"{named(task)}: an orbit leaves every bound, or does with half the step")
    if max(rate, fine) > visible:
        off = abs(rate - fine) / np.hypot(error, its_error)
        demand(off < 3.5, f"{named(task)}: {rate:.4f} +- {error:.4f}, with half the step {fine:.4f} +- {its_error:.4f}")


@pytest.mark.slow
@pytest.mark.parametrize("task", FLOWS, ids=named)
def test_half_the_step_changes_nothing(task):
    law_half_the_step_changes_nothing(task)


@pytest.mark.slow
@pytest.mark.parametrize("task", [Lorenz96(forcing=28.0), Lorenz96(forcing=32.0)], ids=named)
def test_the_law_catches_one_step_for_all(task):
    with mock.patch.object(_flows.Flow, "widest", lambda self: self.coarsest), pytest.raises(AssertionError, match="half"):
        law_half_the_step_changes_nothing(task)


STIFF = [(Lorenz96(forcing=32.0), 8), (Lorenz63(rho=200.0, dt=0.02, substeps=1), 4), (Roessler(c=18.0, substeps=2), 2)]
FINE = [Lorenz96(forcing=20.0, substeps=4), Lorenz63(rho=60.0), Roessler(c=10.0), MackeyGlass(tau=30.0)]


@pytest.mark.parametrize(("task", "part"), tiered(STIFF, STIFF[:1].__contains__), ids=lambda x: getattr(x, "forcing", x))
def test_a_stiff_field_takes_smaller_steps_and_data_of_wider_ones_are_noted(task, part):
    assert task.widest() == task.coarsest / part
    assert step_error(task, task.widest()) <= TOLERANCE < step_error(task, 2 * task.widest())
    cure = round(task.dt / task.widest())
    assert f"task.substeps={cure} follows the equations" in " ".join(task.notes())
    assert replace(task, substeps=cure).notes() == ()


@pytest.mark.parametrize("task", tiered(FINE, FINE[:1].__contains__), ids=named)
def test_data_of_fine_steps_are_not_noted(task):
    assert task.notes() == ()


def test_the_usual_equations_keep_their_step():
    for task in (Lorenz96(), Lorenz63(), Roessler(), Thomas(), HyperRoessler()):
        assert task.widest() == task.coarsest
        assert task.notes() == ()
    errors = [step_error(Thomas(), 0.1 / part) for part in (1, 2)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.1)  # order four


def test_true_orbits_follow_a_stiff_field_too():
    """From one state, over half a Lyapunov time: as with steps of a sixteenth, and not as with the usual ones."""
    task = Lorenz96(forcing=32.0)
    state = task.settled(np.random.default_rng(0).normal(size=(16, 40)), 0.005)
    fine = np.stack([state := task.run(state, 0.05 / 16, 16) for _ in range(2)], 0)
    start = task.settled(np.random.default_rng(0).normal(size=(16, 40)), 0.005)
    coarse = np.stack([task.run(start, 0.05, steps) for steps in (1, 2)])
    spread = fine.std()
    assert np.abs(task.advance(start, 2) - fine).mean() < 1e-3 * spread
    assert np.abs(coarse - fine).mean() > 1e-2 * spread
