"""Is what is fed what the rule's name says?"""

from __future__ import annotations

import pytest

from freerun.laws import feedback as kit
from freerun.laws import loop, variants
from freerun.laws.register import of
from laws.broken import feedback as broken

LAWS = of("feedback", "feedback", "loop")
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
    (kit.law_pure, broken.OneDrawForTheBatch),
    (kit.law_pure, broken.CentresInPlace),
    (kit.law_every_draw_counts, broken.SampleIsArgmax),
    (kit.law_silence_has_width_0, broken.SilenceOfZeros),
    (loop.law_rule_has_the_textbooks_gradient, broken.FeedsTheLastCall),
]


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
