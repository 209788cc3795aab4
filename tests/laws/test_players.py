"""Tests of the players' law: by a task's headlines the truth is best, and every degenerate player worse by one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import pytest
import torch

from freerun.engine.replicas import spread
from freerun.laws.toolkit import Broken, demand
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics.tv import TV
from freerun.measurement.players.symbols import players
from freerun.parts import registry
from freerun.parts.tasks.gram_text import GramText
from freerun.random_streams import stream
from laws.broken.symbol_measures import FreeLoss, SurvivorsKL
from tiers import tiered

PLAYERS = {player.name: player for player in players()}
TRUTHS = ("truth", "written")
#: Players of which the first is worse whatever is asked: nearly all that it writes is impossible.
WORSE = (("deserts", "wrong turn"), ("deserts", "ends soon"))
TASKS = ["reber", "embedded_reber", "markov", "hidden_markov", "two_step", "automaton"]
SIZE = 128
BUILT = {"gram_text": GramText(sequences=256)}


@dataclass(frozen=True)
class Score:
    value: float
    low: float
    high: float


@cache
def world(name):
    task = BUILT.get(name) or registry.get("task", name)()
    warmup = task.own_warmup
    steps = warmup + (task.default_horizon or task.length - warmup)
    return task, task.build(0, max(task.length, steps)), warmup, steps


def played(player, task, data, sequences, warmup, name):
    return player.play(task, data, sequences, warmup, stream(0, f"players/{player.name}/{name}", 0))


@cache
def rollouts(name) -> dict[str, tuple[Observed, Observed]]:
    """The forced and the free rollout of every player that can play on a task, and differs from the truth there."""
    task, data, warmup, steps = world(name)
    part = data.splits["test"]
    sequences = part.take(spread(len(part), SIZE), steps)
    found = {}
    for player in PLAYERS.values():
        if player.applies(task, data):
            rolled = played(player, task, data, sequences, warmup, "rollout")
            if player.name in TRUTHS or any(differs(seen) for seen in rolled):
                found[player.name] = rolled
    return found


def differs(seen):
    """Whether a player expects anything else than the truth does at a prefix that came up."""
    if seen.data.oracle is None:
        return True
    truth = seen.truth()
    apart = (torch.softmax(seen.outputs, -1) - truth.log_probs.exp()).abs().amax(-1)
    return bool((apart[truth.inside & ~truth.ended] > 1e-9).any())


def score(metric, name, player):
    """A measure of a player, with its interval, and with the further rollout that it asks for."""
    task, data, *_ = world(name)
    free = rollouts(name)[player][1]
    if (further := metric.asks(free)) is not None:
        rolled = played(PLAYERS[player], task, data, further.sequences, further.release, further.name)
        free = replace(free, further=free.once(f"rolled/{further.name}", lambda: rolled[1]))
    low, high = metric.interval(free)
    return Score(*(float(each) for each in (metric.measure(free), low, high)))


def headlines(name):
    """The headlines that apply to a task."""
    free = next(iter(rollouts(name).values()))[1]
    every = (metric() for metric in registry.parts("metric").values())
    return [metric for metric in every if metric.applies(free) and metric.quantity_of(free).part == "headline"]


def law_players(name, metrics):
    """The truth is best; every other player is worse, by more than both intervals, under at least one measure."""
    demand(len(metrics) >= 1, "there is no headline")
    (truth,) = (each for each in TRUTHS if each in rollouts(name))
    best = [score(metric, name, truth) for metric in metrics]
    for metric, each in zip(metrics, best, strict=True):
        floor = metric.quantity.floor
        demand(floor is None or each.low <= floor <= each.high, f"the truth has {each}, and not its floor {floor}")
    scores = {player: [score(metric, name, player) for metric in metrics] for player in rollouts(name) if player != truth}
    for player, own in scores.items():
        pairs = list(zip(metrics, own, best, strict=True))
        for metric, mine, its in pairs:
            demand(mine.high >= its.low, f"{player} beats the truth, {mine} against {its}: {type(metric).__name__}")
        demand(any(mine.low > its.high for _, mine, its in pairs), f"{player} is not worse than the truth: {own}, {best}")
    for worse, better in WORSE:
        if worse in scores and better in scores:
            pairs = list(zip(scores[worse], scores[better], strict=True))
            demand(any(a.low > b.high for a, b in pairs), f"{worse} is not worse than {better}: {pairs}")
            demand(all(a.high >= b.low for a, b in pairs), f"{worse} beats {better}: {pairs}")


@pytest.mark.parametrize("name", tiered([*TASKS, "gram_text", "text", "digits"], TASKS.__contains__))
def test_headlines_keep_the_players_law(name):
    found = headlines(name)
    assert len(found) == 2
    law_players(name, found)


@pytest.mark.parametrize(
    ("metric", "name", "worse", "better"),
    [
        (FreeLoss(), "hidden_markov", "unigram", "truth"), (SurvivorsKL(), "reber", "deserts", "wrong turn"),
        (SurvivorsKL(), "embedded_reber", "deserts", "ends soon"),
    ],
)  # fmt: skip
def test_the_law_is_broken_by_the_old_measures(metric, name, worse, better):
    with pytest.raises(Broken):
        law_players(name, [metric])
    assert score(metric, name, worse).high < score(metric, name, better).low, "the worse player beats the better one"


def test_temperature_2_and_unigrams_beat_the_source_by_the_free_loss():
    truth = score(FreeLoss(), "hidden_markov", "truth")
    for player in ("temperature 2", "unigram"):
        assert score(FreeLoss(), "hidden_markov", player).value < truth.value


def gap(name, player):
    forced, free = rollouts(name)[player]
    return float((TV().measure(free) - TV().measure(forced)).nanmean())


@pytest.mark.parametrize("name", TASKS)
def test_the_truth_has_no_exposure_gap_and_no_rounding_left(name):
    for seen in rollouts(name)["truth"]:
        single = replace(seen, outputs=seen.outputs.float())
        for metric in ("tv", "js", "kl"):
            values = registry.get("metric", metric)().measure(single)
            assert not values[values.isfinite()].any(), f"{metric} of the truth is {values}"


@pytest.mark.parametrize("name", ["reber", "embedded_reber", "automaton"])
def test_memoryless_noise_has_no_exposure_gap_where_live_steps_are_matched(name):
    """And has a false one where what has left the support counts 1."""
    assert abs(gap(name, "noise 5%")) < 0.01
    own, true = (score(registry.get("metric", f"one_step_error_{kind}")(), name, "noise 5%") for kind in ("own", "true"))
    assert own.low - true.high > 0.05


def test_each_half_of_the_one_step_error_alone_is_fooled():
    own, true = (registry.get("metric", f"one_step_error_{kind}")() for kind in ("own", "true"))
    assert score(own, "embedded_reber", "ends soon").value < score(own, "embedded_reber", "loops").value
    assert score(own, "hidden_markov", "constant").value < 0.6 * score(true, "hidden_markov", "constant").value
    assert score(true, "embedded_reber", "noise 5%").value < 0.1 * score(own, "embedded_reber", "noise 5%").value


def test_a_wrong_turn_is_seen_by_what_is_written_next():
    one, whole = (registry.get("metric", name)() for name in ("one_step_error", "continuation_error"))
    turn, noise = ([score(metric, "hidden_markov", player) for metric in (one, whole)] for player in ("wrong turn", "noise 5%"))
    assert turn[0].value < 0.03
    assert turn[1].low > 5 * noise[1].high
