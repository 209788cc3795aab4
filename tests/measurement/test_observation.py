"""Tests of what a metric gets to see: the symbols that a rollout has picked are those that it fed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.replicas import Group
from freerun.measurement.observation import observe
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.sample import Sample
from freerun.parts.models.gru import GRU
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.hidden_markov import HiddenMarkov

TASK, STEPS, COUNT = HiddenMarkov(sequences=16, length=12), 12, 5


@pytest.fixture(params=[Sample(), Argmax()], ids=lambda rule: type(rule).__name__)
def group(request):
    made = Experiment(
        task=TASK, model=GRU(hidden=3), regime=TeacherForcing(), feedback=request.param, training=Training(updates=1, batch=2),
        evaluation=Evaluation(warmup=4, horizon=8),
    )  # fmt: skip
    return Group([made], {0: TASK.build(0, STEPS)})


def rolled(group, mask):
    sequences, uniform = group.batch("test", {0: torch.arange(COUNT)}, STEPS), group.chance("test", 0, STEPS, COUNT)
    with torch.no_grad():
        return group.roll(group.weights(), sequences, mask, uniform), sequences, uniform


@pytest.mark.parametrize("released", [False, True])
def test_the_picks_are_what_the_rule_takes_from_every_output(group, released):
    mask = group.release(STEPS, COUNT) if released else None
    result, sequences, uniform = rolled(group, mask)
    picks = observe(group, 0, result, sequences, uniform, split="test", mask=mask).picks
    taken = group.feedback(result.outputs, uniform).argmax(-1)[:, 0]
    assert torch.equal(picks, taken)
    if released:
        assert torch.equal(picks[4:], result.fed[4:, 0].argmax(-1))


def test_where_the_rollout_is_free_the_picks_are_what_was_fed(group):
    """A draw next to a boundary may fall otherwise when it is made anew: the symbol that was fed is in the string."""
    mask = group.release(STEPS, COUNT)
    result, sequences, uniform = rolled(group, mask)
    other = replace(result, fed=result.fed.roll(1, -1))
    seen, fell = (observe(group, 0, each, sequences, uniform, split="test", mask=mask) for each in (result, other))
    assert torch.equal(fell.picks[:4], seen.picks[:4]), "in the warm-up the truth is fed, and the rule is asked"
    assert torch.equal(fell.picks[4:], other.fed[4:, 0].argmax(-1))
    assert not (fell.picks[4:] == seen.picks[4:]).any()
