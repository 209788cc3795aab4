"""Tests of the players of flows: no degenerate one wins under the headlines of a task, and the old measures let one through."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch

from freerun.laws import players as kit
from freerun.laws.toolkit import Broken
from freerun.measurement.metrics.own_state_error import OwnStateError
from freerun.measurement.metrics.rmse import RMSE
from freerun.measurement.metrics.valid_time import ValidTime
from freerun.measurement.metrics.worst_one_step import WorstOneStep
from freerun.measurement.players.flows import NoisyFlow, Place, TrueFlow, equilibrium
from freerun.measurement.statistics import state_pairs
from freerun.parts import registry
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.random_streams import stream
from laws.broken import measures as broken

EVERY = ("lorenz63", "mackey_glass", "lorenz96", "thomas", "roessler", "hyper_roessler")
QUICK = ("lorenz63", "mackey_glass")
FLOWS = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EVERY]


@cache
def played(name: str) -> kit.Played:
    return kit.played(kit.whole(registry.parts("task")[name]()))


def rollouts(name: str) -> dict:
    return played(name).rollouts


def judges(name: str) -> list:
    return played(name).headlines()


def mean(metric, seen) -> float:
    return sum(float(metric.measure(each).nanmean()) for each in seen) / len(seen)


@pytest.mark.parametrize("name", FLOWS)
def test_no_degenerate_player_wins_under_the_headlines(name):
    told = [type(metric).__name__ for metric in judges(name)]
    assert {"d_pairs", "ValidTime", "WorstOneStep"} <= set(told)
    assert ("d_neighbours" in told) == (name == "lorenz96")
    kit.demand_no_degenerate_player_wins(judges(name), played(name))


@pytest.mark.parametrize("name", FLOWS)
def test_the_error_over_saturated_leads_is_won_by_an_orbit_that_has_shrunk(name):
    with pytest.raises(Broken, match="shrunk"):
        kit.demand_no_degenerate_player_wins([broken.RMSEAlone()], played(name))


@pytest.mark.parametrize("headline", ["ValidTime", "d_pairs"])
def test_each_headline_alone_is_fooled(headline):
    """Valid time by an orbit that has shrunk to .9; pairs of states by a copy of training."""
    fooled = {"ValidTime": "shrunk to 0.9", "d_pairs": "copy of training"}[headline]
    alone = [metric for metric in judges("lorenz63") if type(metric).__name__ == headline]
    with pytest.raises(Broken, match=fooled):
        kit.demand_no_degenerate_player_wins(alone, played("lorenz63"))


def test_levels_of_players_on_lorenz63():
    """The noisy truth at .03 of persistence, shrunk to .9 at .67, the truth backwards at 2."""
    seen = rollouts("lorenz63")
    wanted = {"noisy truth": (0.034, 0.003), "shrunk to 0.9": (0.67, 0.03), "backwards": (2.07, 0.07), "persistence": (1, 0.1)}
    for name, (value, reach) in wanted.items():
        assert abs(mean(WorstOneStep(), seen[name]) - value) < reach, name
    assert mean(RMSE(), seen["shrunk to 0.5"]) < mean(RMSE(), seen["noisy truth"])
    assert mean(ValidTime(), seen["noisy truth"]) > 10 * mean(ValidTime(), seen["climatology"])


@pytest.mark.parametrize("name", FLOWS)
def test_fresh_errors_and_climatology_have_no_exposure_bias(name):
    """The logarithm of own-state over forced rms is 0; at an equilibrium, where the flow answers alike, it is far below."""

    def exposure(player: str) -> list[float]:
        found = []
        for free in rollouts(name)[player]:
            a, b = (OwnStateError().measure(each).square().nanmean() for each in (free.forced, free))
            found.append(float((b / a).log()) / 2)
        return found

    assert max(map(abs, exposure("noisy truth"))) < 0.02
    assert max(map(abs, exposure("climatology"))) < 0.08
    assert max(exposure("equilibrium")) < -1


def test_the_truth_plays_without_any_error_and_its_long_orbits_are_others():
    task = Lorenz63(sequences=64, length=30)
    data = task.build(0, 60)
    sequences = data.splits["test"].take(torch.arange(16), 60)
    forced, free = TrueFlow().play(task, data, sequences, 20, stream(0, "players"))
    assert float(WorstOneStep().measure(free)) < 1e-5
    assert torch.equal(free.outputs, sequences.targets.double())
    assert state_pairs.pairs_in_time(free.orbit.true, free.orbit.made) > 0
    again = NoisyFlow(error=0.01).play(task, data, sequences, 20, stream(0, "players"))[1]
    assert torch.equal(again.fed[:20], forced.fed[:20])
    off = OwnStateError().measure(again)
    assert float(off.square().mean().sqrt()) == pytest.approx(0.01, rel=0.02)
    assert math.isfinite(float(off.sum()))


@pytest.mark.parametrize("name", ["lorenz63", "lorenz96", "thomas", "roessler", "mackey_glass"])
def test_at_an_equilibrium_the_equations_stand_still(name):
    task = registry.parts("task")[name](sequences=16)
    data = task.build(0, task.length)
    truth = data.splits["test"].targets.double()
    place = Place(task=task, data=data, history=truth[: task.remembers], truth=truth[task.remembers :])
    found = (equilibrium(place) * data.std + data.mean).numpy()[None]
    slope = task.slope(found) - (task.gamma * found if name == "mackey_glass" else 0.0)
    assert abs(slope).max() < 1e-6
