"""Yardstick of schedules: the published probability at every update (Bengio et al. 2015, section 2.4)."""

from __future__ import annotations

import math

import pytest

from freerun.parts.regimes._schedule import Schedule, half_way
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling

FORMULAS = {
    (Schedule.linear, 0.003): lambda i: max(0.1, 1 - 0.003 * i),
    (Schedule.exponential, 0.995): lambda i: max(0.1, 0.995**i),
    (Schedule.inverse_sigmoid, 17.4771): lambda i: max(0.1, 17.4771 / (17.4771 + math.exp(i / 17.4771))),
}


@pytest.mark.parametrize(("schedule", "k"), FORMULAS)
def test_a_schedule_is_its_formula_with_a_floor(schedule, k):
    regime = ScheduledSampling(schedule=schedule, k=k, end=0.1)
    for update in (0, 1, 2, 50, 100, 299, 300, 301, 5000):
        assert regime.probability(update, 5001) == pytest.approx(FORMULAS[schedule, k](update), rel=1e-13)


@pytest.mark.parametrize(("updates", "k"), [(10, 3.76868), (100, 17.4771), (1000, 107.0013)])
def test_the_inverse_sigmoid_is_one_half_at_half_the_updates(updates, k):
    assert half_way(updates) == pytest.approx(k, rel=2e-6)  # the printed digits
    regime = ScheduledSampling(schedule=Schedule.inverse_sigmoid, k=half_way(updates))
    assert regime.probability(updates // 2, updates) == pytest.approx(0.5, rel=1e-12)


def test_the_inverse_sigmoid_is_exactly_0_at_a_billion():
    for k in (1.0, 17.4771, 107.0013):
        assert ScheduledSampling(schedule=Schedule.inverse_sigmoid, k=k).probability(10**9, 10**9) == 0.0
