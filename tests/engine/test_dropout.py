"""Dropout between layers: as in torch, by draws of its own stream, in training alone."""

from __future__ import annotations

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.laws.toolkit import gap, gradients, noise, weights_of
from freerun.parts.models.gru import GRU
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.lstm import LSTM
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.regimes.parallel_scheduled_sampling import ParallelScheduledSampling
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.random_streams import uniforms

STEPS, BATCH, WARMUP = 6, 5, 2
TASK = Lorenz63(sequences=8, length=STEPS, transient=0.0)
KINDS = (GRU, LSTM, HiddenRecurrent)


def group_of(model, seeds=(3,), **settings):
    chosen = [
        Experiment(
            task=TASK, model=model, dtype="float64", seed=seed, training=Training(updates=4, batch=BATCH),
            evaluation=Evaluation(warmup=WARMUP, horizon=STEPS - WARMUP), **{"regime": FreeRunning(), **settings},
        )
        for seed in seeds
    ]  # fmt: skip
    return Group(chosen, {seed: TASK.build(seed, STEPS) for seed in seeds})


def lesson_of(group, update=1):
    return Lessons(group).give(update, group.parameters.named(differentiable=True), {})


def one_after_the_other(model, weights, u, masks):
    """Layers of a model each by itself; what each but the last hands on is multiplied by a mask."""
    for number in range(model.layers):
        begin = f"{number}." if number else ""
        own = {name.removeprefix(begin): weights[name] for name in weights if name.startswith(begin) and name[0] != "o"}
        if not number:
            own = {name: value for name, value in own.items() if not name[0].isdigit()}
        layer = type(model)(hidden=model.hidden)
        u, _ = layer.along(own, u, layer.start(*u.shape[1:3], u[0]))
        u = u * masks[number] if number < model.layers - 1 else u
    return u @ weights["output.weight"] + weights["output.bias"]


@pytest.mark.parametrize("kind", KINDS)
def test_value_and_gradient_are_those_of_layers_with_masks_between_them(kind):
    model = kind(hidden=4, layers=3, dropout=0.25)
    weights, u = weights_of(model, 3, 2, 2), noise(7, 2, 5, 3)
    draws = torch.rand(7, 2, 5, 8, generator=torch.Generator().manual_seed(1)).double()
    masks = [(part >= 0.25).double() * (4 / 3) for part in draws.split(4, -1)]
    outputs, _ = model.dropping(draws).unroll(weights, u, model.start(2, 5, u[0]))
    expected = one_after_the_other(model, weights, u, masks)
    assert gap(outputs, expected) < 1e-12
    leaves = list(weights.values())
    for ours, theirs in zip(gradients(outputs.square().sum(), leaves), gradients(expected.square().sum(), leaves), strict=True):
        assert gap(ours, theirs) < 1e-10


@pytest.mark.parametrize("regime", [FreeRunning, TeacherForcing])
def test_training_drops_by_the_draws_of_its_own_stream(regime):
    group = group_of(GRU(hidden=3, layers=2, dropout=0.4), seeds=(3, 4), regime=regime())
    lesson = lesson_of(group)
    draws = torch.stack([torch.from_numpy(uniforms(seed, "dropout", 1, (STEPS, BATCH, 3))) for seed in (3, 4)], 1).double()
    mask = group.release(STEPS, BATCH) if regime is FreeRunning else None
    same = group.roll(group.weights(), lesson.sequences, mask, None, dropout=draws)
    whole = group.roll(group.weights(), lesson.sequences, mask, None)
    assert torch.equal(lesson.outputs.detach(), same.outputs)
    assert gap(lesson.outputs.detach(), whole.outputs) > 1e-3


def test_another_update_drops_others_and_the_same_update_the_same():
    group = group_of(GRU(hidden=3, layers=2, dropout=0.4))
    first, again, other = (group.dropout(update, STEPS, BATCH) for update in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_nothing_else_is_drawn_anew():
    plain, dropped = (lesson_of(group_of(GRU(hidden=3, layers=2, dropout=share))) for share in (0.0, 0.4))
    assert torch.equal(plain.sequences.targets, dropped.sequences.targets)
    weights = [group_of(GRU(hidden=3, layers=2, dropout=share)).parameters.flat for share in (0.0, 0.4)]
    assert torch.equal(*weights)


def test_what_is_measured_is_the_whole_model():
    model = GRU(hidden=3, layers=2, dropout=0.4)
    group, plain = group_of(model), group_of(GRU(hidden=3, layers=2))
    lesson = lesson_of(plain)
    shown, expected = (Lessons(one).shown(lesson.sequences, None).outputs for one in (group, plain))
    assert torch.equal(shown, expected)


def test_every_rollout_of_an_update_by_the_present_weights_drops_the_same(monkeypatch):
    group, seen = group_of(GRU(hidden=3, layers=2, dropout=0.4), regime=ParallelScheduledSampling()), []
    roll = Group.roll

    def rolled(self, *arguments, dropout=None, **settings):
        seen.append(dropout)
        return roll(self, *arguments, dropout=dropout, **settings)

    monkeypatch.setattr(Group, "roll", rolled)
    lesson = lesson_of(group)
    assert len(seen) > 1
    lesson.behave(True)
    assert all(one is not None and torch.equal(one, seen[0]) for one in seen)


def test_earlier_weights_that_only_make_data_are_whole(monkeypatch):
    group, seen = group_of(GRU(hidden=3, layers=2, dropout=0.4)), []
    roll = Group.roll

    def rolled(self, *arguments, dropout=None, **settings):
        seen.append(dropout)
        return roll(self, *arguments, dropout=dropout, **settings)

    monkeypatch.setattr(Group, "roll", rolled)
    batch = Lessons(group)._next(1, group.weights())
    batch.roll(weights=batch.weights())
    batch.roll(chosen=torch.tensor([0, 2]))
    assert seen[0] is None
    assert torch.equal(seen[1], batch.dropout[:, :, [0, 2]])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"layers": 2, "dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"layers": 2, "dropout": -0.1}, r"dropout must lie in \[0, 1\), got -0.1"),
        ({"dropout": 0.2}, r"dropout=0.2: it lies between layers; set model.layers, or leave it out"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_dropped_is_refused(kind, settings, says):
    with pytest.raises(ConfigError, match=says):
        kind(**settings)
