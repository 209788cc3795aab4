"""Tests of the time of training: every second is counted once, whoever went on from where another run stopped."""

from __future__ import annotations

import pytest

from freerun.store.training_time import seconds


def run(end, spent, resumed=(), seed=0):
    training = {"updates": 9, **({} if end == 9 else {"stop": end})}
    return {"training": training, "seed": seed}, {"training_seconds": spent, "resumed_from": list(resumed)}


def test_a_run_that_went_on_holds_the_seconds_of_the_one_that_stopped():
    assert seconds([run(1, 2.0), run(3, 5.0, [1]), run(9, 11.0, [1, 3])]) == 11
    assert seconds([run(9, 11.0, [1, 3]), run(3, 5.0, [1]), run(1, 2.0)]) == 11, "in whatever order"


def test_one_that_had_to_begin_anew_does_not():
    assert seconds([run(1, 2.0), run(3, 5.0), run(9, 11.0, [3])]) == 2 + 11
    assert seconds([run(1, 2.0), run(9, 11.0, [5])]) == 2 + 11, "it went on from its own checkpoint"


def test_other_runs_and_the_same_one_measured_twice():
    assert seconds([run(9, 2.0), run(9, 3.0, seed=1)]) == 5
    assert seconds([run(9, 2.0), run(9, 2.0)]) == 2


@pytest.mark.parametrize("training", [None, 3, {}, {"updates": "many"}])
def test_a_record_that_does_not_say_how_long_it_trained_is_counted_as_far_as_it_says(training):
    assert seconds([({"training": training, "seed": 0}, {"training_seconds": None, "resumed_from": None})]) == 0
    assert seconds([({"seed": 0}, {"training_seconds": 4.0})]) == 4
