"""Is what is charged the loss of the textbook?"""

from __future__ import annotations

import pytest
import torch

from freerun.laws import CLOSE, gap, noise, small_parts, symbols
from freerun.objectives.cross_entropy import CrossEntropy
from freerun.objectives.squared_error import SquaredError

OBJECTIVES = small_parts("objective")


def _case(objective):
    return noise(6, 4, 3).requires_grad_(), symbols(6, 4, of=3) if objective.symbols else noise(6, 4, 3, seed=1)


def law_each_prediction_has_its_own_loss(objective) -> None:
    outputs, targets = _case(objective)
    losses = objective(outputs, targets)
    assert losses.shape == (6, 4), f"losses {tuple(losses.shape)}, not one for each prediction"
    assert (losses >= 0).all()
    (slope,) = torch.autograd.grad(losses[2, 1], outputs)
    others = slope.clone()
    others[2, 1] = 0
    assert slope[2, 1].any(), "the loss does not depend on the prediction"
    assert not others.any(), "a loss depends on another prediction"


class Averages(SquaredError):
    def __call__(self, outputs, targets):
        return super().__call__(outputs, targets).mean().expand(outputs.shape[:-1])


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_each_prediction_has_its_own_loss(objective):
    law_each_prediction_has_its_own_loss(objective)


def test_the_law_catches_an_average():
    with pytest.raises(AssertionError):
        law_each_prediction_has_its_own_loss(Averages())


def test_the_losses_are_those_of_torch():
    outputs, targets = _case(CrossEntropy())
    wanted = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none").reshape(6, 4)
    assert gap(CrossEntropy()(outputs, targets), wanted) < CLOSE
    outputs, targets = _case(SquaredError())
    assert (
        gap(SquaredError()(outputs, targets), torch.nn.functional.mse_loss(outputs, targets, reduction="none").mean(-1)) < CLOSE
    )
