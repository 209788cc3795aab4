"""Tests of the laws of objectives: what is charged is the loss of the textbook."""

from __future__ import annotations

import pytest
import torch

from freerun.laws import objectives as kit
from freerun.laws.register import of
from freerun.laws.toolkit import CLOSE, gap, variants
from freerun.parts.objectives.cross_entropy import CrossEntropy
from freerun.parts.objectives.squared_error import SquaredError
from laws.broken import objectives as broken

LAWS = of("objective", "objectives")
OBJECTIVES = variants("objective")
CAUGHT = [
    (kit.law_each_prediction_has_its_own_loss, broken.Averages),
    (kit.law_each_prediction_has_its_own_loss, broken.LosesTheSign),
    (kit.law_the_target_is_best, broken.Smoothed),
    (kit.law_pure, broken.CentresTheTargets),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_law(law, objective):
    law(objective)


@pytest.mark.parametrize(("law", "objective"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, objective):
    with pytest.raises(AssertionError):
        law(objective())


def test_every_law_has_been_seen_to_fail():
    assert {law for law, _ in CAUGHT} == {law.function for law in LAWS}


def test_the_losses_are_those_of_torch():
    outputs, targets = kit.case(True)
    wanted = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none").reshape(6, 4)
    assert gap(CrossEntropy()(outputs, targets), wanted) < CLOSE
    outputs, targets = kit.case(False)
    wanted = torch.nn.functional.mse_loss(outputs, targets, reduction="none").mean(-1)
    assert gap(SquaredError()(outputs, targets), wanted) < CLOSE
