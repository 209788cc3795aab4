"""Tests of the players' law: by a task's headlines the truth is best, and every degenerate player worse by one of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch

from freerun.laws import check, check_process, headlines
from freerun.laws import players as kit
from freerun.laws.register import of
from freerun.laws.toolkit import Broken
from freerun.measurement import players
from freerun.measurement.metrics.exact_match import ExactMatch
from freerun.measurement.metrics.one_step_error import PARTS as ONE_STEP
from freerun.measurement.metrics.rmse import RMSE
from freerun.measurement.metrics.tv import TV
from freerun.measurement.metrics.valid_time import ValidTime
from freerun.measurement.metrics.worst_one_step import WorstOneStep
from freerun.parts import registry
from freerun.parts.tasks.gram_text import GramText
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.kuramoto_sivashinsky import KuramotoSivashinsky
from freerun.parts.tasks.markov import Markov
from freerun.parts.tasks.path_star import Form, PathStar
from freerun.parts.tasks.transduction import Rewrite, Transduction
from laws.broken.measures import RMSEAlone
from laws.broken.symbol_measures import FreeLoss, SurvivorsKL
from laws.further_players import FURTHER, FieldPlayer
from tiers import tiered

TASKS = ["reber", "embedded_reber", "markov", "hidden_markov", "two_step", "automaton"]
#: Tasks of answers, and of values without chaos.
OTHERS = ["delayed_recall", "path_star", "errors_in_variables", "advection", "burgers", "transduction"]
BUILT = {"gram_text": GramText(sequences=256), "kuramoto_sivashinsky": KuramotoSivashinsky(points=32)}


@cache
def played(name) -> kit.Played:
    return kit.played(kit.whole(BUILT.get(name) or registry.get("task", name)()))


def score(metric, name, player):
    """A measure of a player, with its interval, and with the further rollout that it asks for."""
    return played(name).score(metric, player)


def keeps(name, metrics):
    """Hold some metrics to the players' law, as the headlines of a task."""
    kit.demand_truth_at_the_floor(metrics, played(name))
    kit.demand_no_degenerate_player_wins(metrics, played(name))
    for metric in metrics:
        kit.demand_what_wins_is_declared(metric, played(name))


@pytest.mark.parametrize("name", tiered([*TASKS, "grammar", "gram_text", "text", "digits"], TASKS.__contains__))
def test_headlines_keep_the_players_law(name):
    found = played(name).headlines()
    assert len(found) == 2
    keeps(name, found)
    for metric in found:
        top = score(metric, name, played(name).best)
        beaten = [kit.margin(metric, score(metric, name, each), top) for each in played(name).named(players.WORSE)]
        assert max(beaten) <= 0, "a player beats the truth"


@pytest.mark.parametrize(
    "name",
    tiered(
        [*OTHERS, "kuramoto_sivashinsky"], [each for each in OTHERS if each not in ("burgers", "transduction")].__contains__
    ),
)
def test_the_headlines_of_other_tasks_keep_it_too(name):
    keeps(name, played(name).headlines())


@pytest.mark.parametrize(
    "name", tiered([*TASKS, "grammar", "gram_text", "text", "digits", "lorenz63", "lorenz96", "roessler"], TASKS.__contains__)
)
def test_further_degenerate_players_win_nowhere(name):
    """Players that shaped no measure: half as fast, frozen, leaping, by heart, backwards, one sequence in twenty lost."""
    loses(BUILT.get(name) or registry.get("task", name)(), FURTHER)


def loses(task, further):
    """Hold the headlines of a task to some degenerate players."""
    seen = kit.played(kit.whole(task), further=further)
    assert len(seen.named(players.WORSE)) >= 3
    kit.demand_no_degenerate_player_wins(seen.headlines(), seen)


@pytest.mark.slow
@pytest.mark.parametrize(
    "task",
    [
        Transduction(), Transduction(form=Rewrite.transducer, world_by_seed=True), HiddenMarkov(world_by_seed=True),
        Markov(world_by_seed=True),
    ],
    ids=repr,
)  # fmt: skip
def test_nor_do_they_on_strings_and_where_every_seed_has_a_world(task):
    """Among them who knows another world; and answers that end too soon, never, a letter off, or are another one's."""
    loses(task, FURTHER)


@pytest.mark.slow
def test_nor_do_they_on_a_field_where_its_symmetries_hide_them():
    loses(BUILT["kuramoto_sivashinsky"], [each for each in FURTHER if isinstance(each, FieldPlayer)])


@pytest.mark.slow
def test_a_mean_of_forecasts_is_valid_for_longer_and_has_left_the_attractor():
    """A positive control: nearer to the truth than a noisy truth, worse at its own states: no headline is enough alone."""
    seen = kit.played(kit.whole(registry.get("task", "lorenz96")()), further=FURTHER)
    mean, top = "mean of ten noisy truths", seen.best
    for metric, wins in ((RMSE(), True), (ValidTime(), True), (WorstOneStep(), False)):
        better, worse = (mean, top) if wins else (top, mean)
        assert kit.margin(metric, seen.score(metric, better), seen.score(metric, worse)) > 0, type(metric).__name__
    for alone in (RMSE(), ValidTime()):
        with pytest.raises(Broken, match=mean):
            kit.demand_no_degenerate_player_wins(
                [alone], replace(seen, players={top: seen.players[top], mean: seen.players[mean]})
            )


def test_where_nothing_is_fed_back_a_player_is_the_same_forced_and_free():
    seen = kit.played(kit.whole(PathStar(form=Form.teacherless)))
    assert set(seen.players) == {"written", "unigram", "constant"}
    kit.demand_no_degenerate_player_wins(seen.headlines(), seen)
    for (free,) in seen.rollouts.values():
        assert torch.equal(ExactMatch().measure(free), ExactMatch().measure(free.forced))


def test_every_player_has_a_name_of_its_own_and_says_what_it_is():
    known = players.known()
    assert all(player.name == name and registry.summary(type(player)).endswith(".") for name, player in known.items())
    families = [
        registry.importlib.import_module(f"freerun.measurement.players.{name}")
        for name in ("flows", "recordings", "symbols", "values")
    ]
    assert len(known) == sum(len(family.players()) for family in families)


@pytest.mark.parametrize("name", registry.builtin_parts("task"))
def test_every_task_that_is_predicted_step_by_step_has_players(name):
    from freerun.laws.toolkit import small

    task = small(registry.get("task", name))
    data = task.build(0, task.length)
    there = players.playing(task, data, 10**6)
    assert bool(there) == (task.emits == "each")
    if there:
        assert players.best(there) is not None
        assert any(player.stands == players.WORSE for player in there)


class LeastRMSE(RMSE):
    """A headline that a mean wins: the truth is said to have an error."""

    quantity = replace(RMSE.quantity, floor=1.0)


class Indifferent(RMSE):
    """A headline by which all are alike."""

    def measure(self, observed):
        return super().measure(observed) * 0


CAUGHT = [
    (headlines.law_no_reference_player_wins_by_it, LeastRMSE, "not its floor 1"),
    (headlines.law_no_reference_player_wins_by_it, Indifferent, "tells no degenerate player"),
]


class OneStepOrNothing(RMSE):
    """A headline that is sound on sources of symbols, and by which all are alike on values."""

    quantity = replace(RMSEAlone.quantity, blind=("whether a forecast goes anywhere",))

    def applies(self, observed):
        return True

    def quantity_of(self, observed):
        return self.quantity

    def measure(self, observed):
        if observed.experiment.task.symbols:
            return ONE_STEP["one_step_error"]().measure(observed)
        return super().measure(observed).nanmean()[None] * 0


def test_a_headline_of_a_plugin_is_tried_on_every_world_that_it_judges(monkeypatch):
    """What fails on values alone passes on the first world, which is one of symbols."""
    monkeypatch.setattr(headlines, "WORLDS", ("hidden_markov", "errors_in_variables"))
    headlines.law_no_reference_player_wins_by_it(OneStepOrNothing())
    monkeypatch.setattr(headlines, "source_of", lambda part: "of a plugin")
    with pytest.raises(Broken, match="tells no degenerate player"):
        headlines.law_no_reference_player_wins_by_it(OneStepOrNothing())


class BlindToAdvection(RMSE):
    """A headline that is sound where it was tried first, and by which all are alike on another task of values."""

    def measure(self, observed):
        return super().measure(observed) * (registry.name_of(observed.experiment.task) != "advection")


@pytest.mark.parametrize("own", [False, True])
def test_a_headline_of_a_plugin_is_tried_on_every_task_the_plugin_s_own_too(monkeypatch, own):
    """Of a built-in one the first world is enough: the law of tasks has it judge every task."""
    tasks = {name: registry.get("task", name) for name in ("adding", "errors_in_variables", "advection", "two_step")}
    monkeypatch.setattr(headlines, "WORLDS", ("errors_in_variables",))
    monkeypatch.setattr(
        headlines.registry, "parts", lambda kind, parts=registry.parts: tasks if kind == "task" else parts(kind)
    )
    monkeypatch.setattr(headlines, "source_of", lambda part: "of a plugin" if own else None)
    tried = "tried on errors_in_variables" + (", advection" if own else "")
    assert headlines.law_no_reference_player_wins_by_it(RMSE()) == tried
    if own:
        with pytest.raises(Broken, match="on advection: BlindToAdvection: tells no degenerate player"):
            headlines.law_no_reference_player_wins_by_it(BlindToAdvection())
    else:
        headlines.law_no_reference_player_wins_by_it(BlindToAdvection())


def test_a_check_says_on_what_a_law_was_tried_and_gives_it_time(monkeypatch):
    (law,) = of("metric", "headlines")
    assert law.patience == headlines.PATIENCE > 1
    assert {law.patience for law in of("model")} == {1.0}
    monkeypatch.setattr(headlines, "WORLDS", ("errors_in_variables",))
    assert check_process._hold(law, {(): RMSE()}) == ("holds", "tried on errors_in_variables", "")
    given = []

    class Child:
        """A process that judges two laws, the second of which may take longer."""

        code = 0
        events = iter([
            {"event": "laws", "parts": ["metric x"], "laws": [{"kind": "metric", "law": "a"}] * 2, "note": None},
            *({"event": event, "number": number, "patience": patience, "verdict": "holds", "why": "", "cure": ""}
              for number, patience in ((0, 1.0), (1, 7.0)) for event in ("begins", "verdict")), None,
        ])  # fmt: skip
        __enter__ = send = end = lambda self, *_: self

        def __exit__(self, *_):
            pass

        def receive(self, seconds):
            given.append(seconds)
            return next(self.events)

    monkeypatch.setattr(check, "ChildProcess", lambda *_, **__: Child())
    check._some({"target": "x"}, 0, check.Checked(), 3.0, lambda _: None)
    assert given == [check.LOADING, check.LOADING, 3.0, check.LOADING, 21.0, check.LOADING]


@pytest.mark.parametrize(("law", "part", "says"), CAUGHT)
def test_law_catches(law, part, says):
    with pytest.raises(Broken, match=says):
        law(part())


def test_the_law_of_a_task_is_broken_where_its_headlines_are_taken_away(monkeypatch):
    """And where the one that is left is an old measure."""
    task = registry.get("task", "errors_in_variables")()
    kit.law_no_reference_player_wins_on_it(task)
    monkeypatch.setattr(kit.Played, "headlines", lambda seen: [Indifferent()])
    with pytest.raises(Broken, match="nowhere"):
        kit.law_no_reference_player_wins_on_it(task)
    monkeypatch.setattr(kit.Played, "headlines", lambda seen: [])
    with pytest.raises(Broken, match="no headline"):
        kit.law_no_reference_player_wins_on_it(task)


def test_the_laws_stand_in_the_register():
    assert [law.function for law in of("task", "players")] == [kit.law_no_reference_player_wins_on_it]
    assert [law.function for law in of("metric", "headlines")] == [headlines.law_no_reference_player_wins_by_it]


def test_an_old_measure_that_says_what_it_is_blind_to_is_still_no_set_of_its_own():
    blind = replace(RMSEAlone.quantity, blind=("everything",))
    alone = type("Blind", (RMSEAlone,), {"quantity": blind})()
    seen = headlines.world("lorenz63")
    kit.demand_what_wins_is_declared(alone, seen)
    with pytest.raises(Broken, match="shrunk"):
        kit.demand_no_degenerate_player_wins([alone], seen)
    with pytest.raises(Broken, match="say in blind="):
        kit.demand_what_wins_is_declared(RMSEAlone(), seen)


@pytest.mark.parametrize(
    ("metric", "name", "worse", "better"),
    [
        (FreeLoss(), "hidden_markov", "unigram", "truth"), (SurvivorsKL(), "reber", "deserts", "wrong turn"),
        (SurvivorsKL(), "embedded_reber", "deserts", "ends soon"),
    ],
)  # fmt: skip
def test_the_law_is_broken_by_the_old_measures(metric, name, worse, better):
    with pytest.raises(Broken):
        keeps(name, [metric])
    assert score(metric, name, worse).high < score(metric, name, better).low, "the worse player beats the better one"


def test_temperature_2_and_unigrams_beat_the_source_by_the_free_loss():
    truth = score(FreeLoss(), "hidden_markov", "truth")
    for player in ("temperature 2", "unigram"):
        assert score(FreeLoss(), "hidden_markov", player).value < truth.value


def gap(name, player):
    (free,) = played(name).rollouts[player]
    forced = free.forced
    return float((TV().measure(free) - TV().measure(forced)).nanmean())


@pytest.mark.parametrize("name", TASKS)
def test_the_truth_has_no_exposure_gap_and_no_rounding_left(name):
    (free,) = played(name).rollouts["truth"]
    for seen in (free.forced, free):
        single = replace(seen, outputs=seen.outputs.float())
        for metric in ("tv", "js", "kl"):
            values = registry.get("metric", metric)().measure(single)
            assert not values[values.isfinite()].any(), f"{metric} of the truth is {values}"


@pytest.mark.parametrize("name", ["reber", "embedded_reber", "automaton"])
def test_memoryless_noise_has_no_exposure_gap_where_live_steps_are_matched(name):
    """And has a false one where what has left the support counts 1."""
    assert abs(gap(name, "noise 5%")) < 0.01
    own, true = (score(ONE_STEP[f"one_step_error_{kind}"](), name, "noise 5%") for kind in ("own", "true"))
    assert own.low - true.high > 0.05


def test_each_half_of_the_one_step_error_alone_is_fooled():
    own, true = (ONE_STEP[f"one_step_error_{kind}"]() for kind in ("own", "true"))
    assert score(own, "embedded_reber", "ends soon").value < score(own, "embedded_reber", "loops").value
    assert score(own, "hidden_markov", "constant").value < 0.6 * score(true, "hidden_markov", "constant").value
    assert score(true, "embedded_reber", "noise 5%").value < 0.1 * score(own, "embedded_reber", "noise 5%").value


def test_a_wrong_turn_is_seen_by_what_is_written_next():
    one, whole = (registry.get("metric", name)() for name in ("one_step_error", "continuation_error"))
    turn, noise = ([score(metric, "hidden_markov", player) for metric in (one, whole)] for player in ("wrong turn", "noise 5%"))
    assert turn[0].value < 0.03
    assert turn[1].low > 5 * noise[1].high
