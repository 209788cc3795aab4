"""Tests of the laws of the loop: time passes once, and in the right order."""

from __future__ import annotations

import inspect

import pytest
import torch

from freerun.engine.rollout import Gradient, rollout
from freerun.laws import backward, parts_in_loop
from freerun.laws import rollouts as kit
from freerun.laws.register import of
from freerun.laws.toolkit import gradients, noise, small_parts, weights_of
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.expected import Expected
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.sample import Sample
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.registry import parts
from laws.broken import models
from laws.broken import rollouts as broken
from tiers import tiered

LAWS = [
    law
    for module in (kit, backward)
    for name, law in vars(module).items()
    if name.startswith("law_") and law.__module__ == module.__name__
]
PLAIN = [law for law in LAWS if list(inspect.signature(law).parameters) == ["rollout"]]
MODELS = small_parts("model")
STEPPING = {name: model for name, model in MODELS.items() if model.emits == "each"}
RULES = {name: rule() for name, rule in parts("feedback").items() if not rule.silent}


def ones_law(loop):
    kit.law_ones_and_none_are_the_same(loop, HiddenRecurrent(hidden=3))


def textbook_law(loop):
    for rule in (Mean(), Sample()):
        backward.law_gradient_is_the_textbook_loops(loop, HiddenRecurrent(hidden=3), 5, rule)


CAUGHT = [
    (kit.law_the_input_is_what_was_fed_a_step_before, broken.OffByOne),
    (kit.law_the_input_is_what_was_fed_a_step_before, broken.Opposite),
    (kit.law_the_input_is_what_was_fed_a_step_before, broken.LooksAtOneMask),
    (kit.law_a_copying_model_scores_zero, broken.OffByOne),
    (kit.law_a_copying_model_scores_zero, broken.StartsFromZeros),
    (kit.law_forced_entries_are_the_truth, broken.ScalesByDropout),
    (kit.law_forced_entries_are_the_truth, broken.Opposite),
    (ones_law, broken.FastPathOffByOne),
    (kit.law_no_peeking, broken.AlwaysForces),
    (kit.law_no_peeking, broken.Multiplies),
    (kit.law_entries_are_free_one_by_one, broken.LooksAtOneMask),
    (kit.law_entries_are_free_one_by_one, broken.Multiplies),
    (textbook_law, broken.NeverDetaches),
    (textbook_law, broken.AlwaysDetaches),
    (textbook_law, broken.CutsOneStepLate),
    (textbook_law, broken.KeepsTheState),
    (textbook_law, broken.OneDrawForAll),
    (backward.law_gradient_is_cut_in_the_right_place, broken.CutsOneStepLate),
    (backward.law_gradient_is_cut_in_the_right_place, broken.KeepsTheState),
    (backward.law_a_cut_reaches_what_is_kept_of_feeds, broken.KeepsOldFeeds),
    (backward.law_a_cut_reaches_what_is_kept_of_feeds, broken.KeepsTheState),
    (backward.law_only_the_feed_of_a_through_gradient_remembers, broken.AlwaysDetaches),
    (backward.law_only_the_feed_of_a_through_gradient_remembers, broken.NeverDetaches),
    (backward.law_what_is_stopped_is_stopped_in_what_is_told, broken.TellsWhatItStopped),
    (backward.law_what_is_stopped_is_stopped_in_what_is_told, broken.TellsWithoutAny),
    (backward.law_what_is_stopped_is_stopped_in_what_is_told, broken.CutsOneStepLate),
    (backward.law_the_prediction_is_charged, broken.ChargesTheForcedValue),
    (kit.law_silence_has_no_gap, broken.LeaksTheMask),
]


@pytest.mark.parametrize("law", PLAIN, ids=lambda law: law.__name__)
@pytest.mark.parametrize("loop", [rollout, broken.Loop()], ids=["rollout", "reference"])
def test_law(law, loop):
    law(loop)


@pytest.mark.parametrize("horizon", tiered(range(1, 9), quick=lambda horizon: horizon in (1, 2, 5)))
@pytest.mark.parametrize("model", STEPPING.values(), ids=STEPPING)
def test_the_gradient_is_the_textbooks(model, horizon):
    for rule in RULES.values() if horizon in (1, 5) else (Mean(), Expected()):
        backward.law_gradient_is_the_textbook_loops(rollout, model, horizon, rule)


@pytest.mark.parametrize(("law", "loop"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, loop):
    with pytest.raises(AssertionError):
        law(loop())


OF_MODELS = [
    (parts_in_loop.law_fast_path_is_the_loop, models.FastPathDiffers),
    (parts_in_loop.law_fast_path_is_the_loop, models.FastPathCutsTheGradient),
    (parts_in_loop.law_model_has_the_textbooks_gradient, broken.DriftsWithItsCalls),
]


@pytest.mark.parametrize("law", of("model", "parts_in_loop"), ids=lambda law: law.name)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_law_of_models(law, model):
    law(model)


@pytest.mark.parametrize(("law", "model"), OF_MODELS, ids=lambda x: x.__name__)
def test_law_of_models_catches(law, model):
    with pytest.raises(AssertionError):
        law(model(hidden=3))


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in OF_MODELS} == {law.function for law in of("model", "parts_in_loop")}
    seen = {law for law, _ in CAUGHT}
    assert set(PLAIN) <= seen
    assert {ones_law, textbook_law} <= seen


@pytest.mark.parametrize("rule", [Argmax(), Sample()], ids=repr)
def test_a_discrete_feed_carries_no_gradient_whatever_the_switch_says(rule):
    model = HiddenRecurrent(hidden=3)
    weights, truth = weights_of(model, 4, 4, 2), torch.zeros(5, 2, 3, 4).double()
    free, chance = torch.zeros(5, 2, 3).double(), noise(5, 2, 3).sigmoid()
    slopes = []
    for cut in (0, 1):
        result = rollout(
            model,
            weights,
            truth=truth,
            start=truth[0],
            feedback=rule,
            mask=free,
            uniform=chance,
            gradient=Gradient(feedback=cut),
        )
        slopes.append(gradients(result.outputs.square().sum(), list(weights.values())))
    assert all(torch.equal(a, b) for a, b in zip(*slopes, strict=True))
