"""Law of an encoder apart from the decoder: what it learns comes from what is charged behind the warm-up, forced and free."""

from __future__ import annotations

import pytest

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.laws.toolkit import small
from freerun.parts.models.encoder_decoder import Cell, EncoderDecoder
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.transduction import Transduction

TASKS = [small(Lorenz63, sequences=8, length=9), small(HiddenMarkov, sequences=8, length=9), Transduction(sequences=8)]
#: Both cells and both widths differ.
SHAPES = {"hidden": 3, "encoder_hidden": 5, "cell": Cell.lstm, "encoder": Cell.gru}


class StoppedAtTheBridge(EncoderDecoder):
    """No gradient leads from the decoder back into the encoder."""

    def begun(self, weights, read):
        return super().begun(weights, read.detach())


def law_the_gradient_reaches_the_encoder(model, task, regime) -> None:
    """Every weight of the encoder has the slope that the loss has where the weight is moved."""
    warmup = {} if isinstance(task, Transduction) else {"warmup": 4, "horizon": 5}
    run = Experiment(
        task=task, model=model, regime=regime, dtype="float64", training=Training(updates=2, batch=4),
        evaluation=Evaluation(**warmup, sequences=2, orbit=0),
    )  # fmt: skip
    group = Group([run], {0: task.build(0, task.length)})
    lessons = Lessons(group)

    def loss(weights):
        lesson = lessons.give(0, weights, {})
        return (group.objective.charge(lesson) * lesson.shares).sum()

    weights = group.parameters.named(differentiable=True)
    loss(weights).backward()
    read = [name for name in weights if name.startswith("encoder.")]
    assert read
    for name in read:
        slope = weights[name].grad
        assert slope is not None, f"no gradient reaches {name}"
        place = int(slope.abs().argmax())
        ends = []
        for step in (1e-5, -1e-5):
            moved = {key: value.detach().clone() for key, value in weights.items()}
            moved[name].view(-1)[place] += step
            ends.append(float(loss(moved)))
        wanted = (ends[0] - ends[1]) / 2e-5
        assert wanted != 0
        assert float(slope.flatten()[place]) == pytest.approx(wanted, rel=1e-5, abs=1e-9), name


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
@pytest.mark.parametrize("regime", [TeacherForcing(), FreeRunning()], ids=lambda regime: type(regime).__name__)
def test_the_gradient_reaches_the_encoder(task, regime):
    law_the_gradient_reaches_the_encoder(EncoderDecoder(**SHAPES), task, regime)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_the_law_catches_an_encoder_that_is_cut_off(task):
    with pytest.raises(AssertionError):
        law_the_gradient_reaches_the_encoder(StoppedAtTheBridge(**SHAPES), task, FreeRunning())
