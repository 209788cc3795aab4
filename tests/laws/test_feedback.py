"""Tests of the laws of feedback rules: what is fed is what the rule's name says."""

from __future__ import annotations

import pytest
import torch

from freerun.laws import feedback as kit
from freerun.laws import parts_in_loop
from freerun.laws.register import of
from freerun.laws.toolkit import CLOSE, demand, gap, gradients, noise, variants
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.sample import Sample
from freerun.parts.feedback.straight_through import Choice, StraightThrough
from laws.broken import feedback as broken

LAWS = of("feedback", "feedback", "parts_in_loop")
RULES = variants("feedback")
CAUGHT = [
    (kit.law_symbols_are_fed_as_distributions, broken.ArgmaxIsExpected),
    (kit.law_symbols_are_fed_as_distributions, broken.OverflowingSoftmax),
    (kit.law_moments, broken.SampleIsArgmax),
    (kit.law_moments, broken.ArgmaxIsExpected),
    (kit.law_moments, broken.SamplesTooSharply),
    (kit.law_moments, broken.OneDrawForTheBatch),
    (kit.law_values_are_fed_as_predicted, broken.ScaledMean),
    (kit.law_gradient, broken.LeakyArgmax),
    (kit.law_gradient, broken.DetachedMean),
    (kit.law_what_carries_no_gradient_has_none, broken.SaysItCarriesNothing),
    (kit.law_what_carries_no_gradient_has_none, broken.SaysItCarriesSomething),
    (kit.law_pure, broken.OneDrawForTheBatch),
    (kit.law_pure, broken.CentresInPlace),
    (kit.law_every_draw_counts, broken.SampleIsArgmax),
    (kit.law_silence_has_width_0, broken.SilenceOfZeros),
    (parts_in_loop.law_rule_has_the_textbooks_gradient, broken.FeedsTheLastCall),
]


def law_straight_through(rule: StraightThrough) -> None:
    """Forward what `sample` or `argmax` feeds, to the bit; backward the softmax at the temperature, at every stage."""
    chosen = Sample() if rule.choose is Choice.sample else Argmax()
    for progress in (0.0, 0.5, 1.0):
        stage = rule.at(progress)
        outputs, charge, draws = noise(9, kit.K).requires_grad_(), noise(9, kit.K, seed=1), kit.draws_for(rule, 9)
        demand(torch.equal(stage(outputs, draws), chosen(outputs, draws)), f"something else is fed than by {chosen}")
        (slope,) = gradients((stage(outputs, draws) * charge).sum(), [outputs])
        (soft,) = gradients((torch.softmax(outputs / stage.temperature, -1) * charge).sum(), [outputs])
        demand(bool(slope.any()) and gap(slope, soft) < CLOSE, f"the gradient is not the softmax's at {stage.temperature}")


@pytest.mark.parametrize("choose", Choice)
@pytest.mark.parametrize("settings", [{}, {"temperature": 2.0, "end": 0.5}], ids=str)
def test_straight_through_is_hard_forward_and_soft_backward(choose, settings):
    law_straight_through(StraightThrough(choose=choose, **settings))


@pytest.mark.parametrize("fault", [broken.NeverStraightThrough, broken.SoftBothWays])
def test_the_law_catches_a_wrong_straight_through(fault):
    with pytest.raises(AssertionError):
        law_straight_through(fault())


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_law(law, rule):
    law(rule)


@pytest.mark.parametrize(("law", "rule"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, rule):
    with pytest.raises(AssertionError):
        law(rule())


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in CAUGHT} == {law.function for law in LAWS}
