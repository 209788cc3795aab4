"""Tests of samplers: no point is asked for twice, the same search asks for the same points, a grid is whole."""

from __future__ import annotations

import itertools

import pytest

from freerun.config.hydra.search_space import Axis
from freerun.errors import ConfigError
from freerun.sweeps.search import samplers

LISTS = [Axis(key="a", choices=("x", "y", "z")), Axis(key="b", low=2, high=8, step=2)]
RATE = Axis(key="training.lr", low=1e-4, high=1e-1, log=True)
WIDTH = Axis(key="model.hidden", low=1, high=64, step=1, log=True)


def made(name, axes=LISTS, seed=0):
    return samplers.made(name, axes, seed, maximize=False, asked_by="a test")


def drawn(sampler, count, batch=5, worth=lambda point: 1.0):
    points = []
    while len(points) < count and (asked := sampler.ask(min(batch, count - len(points)))):
        sampler.tell([worth(point) for point in asked])
        points += asked
    return points


@pytest.mark.parametrize("name", samplers.NAMES)
def test_no_point_is_asked_for_twice_and_all_are_in_the_end(name):
    """A tree-structured Parzen estimator that is told that one point is best comes back to it again and again."""
    found = drawn(made(name), 50, worth=lambda point: float(point != {"a": "y", "b": "4"}))
    every = {*itertools.product(("x", "y", "z"), ("2", "4", "6", "8"))}
    assert sorted(tuple(point.values()) for point in found) == sorted(every)


@pytest.mark.parametrize("name", ["random", "optuna"])
def test_the_same_search_asks_for_the_same_points(name):
    axes = [RATE, WIDTH]
    first, again, other = (drawn(made(name, axes, seed), 12) for seed in (3, 3, 4))
    assert first == again != other
    assert drawn(made(name, axes, 3), 7, batch=5)[:5] == first[:5]


def test_a_grid_is_in_its_order_and_has_no_interval_of_real_numbers():
    assert [tuple(point.values()) for point in made("grid").ask(5)] == [
        ("x", "2"),
        ("x", "4"),
        ("x", "6"),
        ("x", "8"),
        ("y", "2"),
    ]
    with pytest.raises(ConfigError, match="a grid has lists and ranges"):
        made("grid", [RATE])


def test_random_points_lie_evenly_on_their_scale():
    points = drawn(made("random", [RATE]), 400, batch=400)
    rates = [float(point["training.lr"]) for point in points]
    assert all(1e-4 <= rate <= 1e-1 and float(f"{rate:.4g}") == rate for rate in rates)
    for low in (1e-4, 1e-3, 1e-2):
        assert 100 < sum(low <= rate < 10 * low for rate in rates) < 170, "a third of the points in each decade"
    widths = [int(point["model.hidden"]) for point in drawn(made("random", [WIDTH, RATE]), 400, batch=400)]
    assert min(widths) == 1
    assert max(widths) == 64
    assert 150 < sum(width < 8 for width in widths) < 250, "half of the points below the middle of a log scale"


def test_a_sampler_that_comes_back_draws_what_is_left():
    class Stubborn(samplers.Random):
        def _known(self, point):
            return super()._known(point) or point["a"] == "x"

    found = drawn(Stubborn(LISTS, 0), 50)
    assert len(found) == 8
    assert all(point["a"] != "x" for point in found)
