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
from freerun.parts import registry
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.sample import Sample
from freerun.parts.models.direct import Direct
from freerun.parts.models.gru import GRU
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63

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


#: What compares a model's answer with the truth's to the same prefix or state, or is made of such answers.
ANSWERS = {
    "hidden_markov": ("tv", "kl", "js", "one_step_error", "acc_err", "ex_acc_err", "off_support"),
    "lorenz63": ("own_state_error", "worst_one_step", "drift_floor", "exposure_part", "coherent_part"),
}


@pytest.mark.parametrize("task", [TASK, Lorenz63(sequences=8, length=12)], ids=registry.name_of)
@pytest.mark.parametrize("model", [GRU(hidden=3), Direct(hidden=3)], ids=registry.name_of)
def test_a_model_that_does_not_read_its_feeds_gives_no_answer_to_them(task, model):
    """Its output says nothing of the state that it was fed: no error at own prefixes or states, which would be a gap."""
    evaluation = Evaluation(warmup=4, horizon=8, orbit=0)
    made = Experiment(task=task, model=model, regime=TeacherForcing(), training=Training(batch=2), evaluation=evaluation)
    group = Group([made], {0: task.build(0, STEPS)})
    sequences, uniform = group.batch("test", {0: torch.arange(1)}, STEPS), group.chance("test", 0, STEPS, 1)
    seen = []
    for mask in (None, group.release(STEPS, 1)):
        with torch.no_grad():
            result = group.roll(group.weights(), sequences, mask, uniform)
        seen.append(observe(group, 0, result, sequences, uniform, split="test", mask=mask))
    free = replace(seen[1], forced=seen[0])
    measured = {name for name in ANSWERS[registry.name_of(task)] if registry.get("metric", name)().applies(free)}
    assert measured == (set() if model.deaf else set(ANSWERS[registry.name_of(task)]))
    known = {name for name, metric in registry.parts("metric").items() if metric().applies(free)}
    told = {name for name in known if registry.get("metric", name)().quantity.account == "one-step error"}
    assert bool(told) != model.deaf
