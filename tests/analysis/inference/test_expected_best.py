"""Tests of the expected best of n trials, against every way to draw them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from freerun.analysis.inference.expected_best import best_so_far, expected_best, finite

VALUES = [0.7, 0.2, 0.2, 0.9]


@pytest.mark.parametrize(("maximize", "best"), [(True, max), (False, min)])
def test_it_is_the_mean_over_all_draws_with_replacement(maximize, best):
    found = expected_best(VALUES, maximize=maximize)
    for n in range(1, len(VALUES) + 1):
        drawn = [best(some) for some in itertools.product(VALUES, repeat=n)]
        assert found[n - 1] == pytest.approx(np.mean(drawn))
    assert found[0] == pytest.approx(np.mean(VALUES))


def test_it_never_gets_worse_with_more_trials_and_is_never_better_than_the_best():
    values = list(np.random.default_rng(0).lognormal(size=40))
    found = expected_best(values, maximize=False)
    assert all(later <= before for before, later in itertools.pairwise(found))
    assert min(values) < found[-1] < np.mean(values)
    assert expected_best([3.0], maximize=False) == [3.0]
    assert expected_best([], maximize=True) == []


def test_the_best_so_far_follows_the_order_of_the_trials():
    assert best_so_far(VALUES, maximize=False) == [0.7, 0.2, 0.2, 0.2]
    assert best_so_far(VALUES, maximize=True) == [0.7, 0.7, 0.7, 0.9]


def test_a_trial_without_a_value_is_as_bad_as_the_worst_that_has_one():
    assert finite([1.0, None, 3.0], maximize=False) == [1.0, 3.0, 3.0]
    assert finite([1.0, None, 3.0], maximize=True) == [1.0, 1.0, 3.0]
    assert finite([None], maximize=True) == []
