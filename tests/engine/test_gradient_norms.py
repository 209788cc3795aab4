"""The norm of a run's gradient, logged before it is clipped; the run itself is the same with and without."""

from __future__ import annotations

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.training import train
from freerun.errors import ConfigError
from freerun.laws.toolkit import gap
from freerun.parts.models.echo_state import EchoState
from freerun.parts.models.gru import GRU
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.tasks.lorenz63 import Lorenz63

TASK = Lorenz63(sequences=8, length=8, transient=0.0)
EVALUATION = Evaluation(warmup=2, horizon=6)


def group_of(seeds=(3, 4), **training):
    settings = Training(updates=2, batch=4, log_every=1, **training)
    parts = {"task": TASK, "model": GRU(hidden=3), "regime": FreeRunning(), "training": settings, "evaluation": EVALUATION}
    return Group([Experiment(seed=seed, **parts) for seed in seeds], {seed: TASK.build(seed, 8) for seed in seeds})


def logged(outcome, quantity):
    return [point.value for point in outcome.curves if point.quantity == quantity]


def test_the_norm_is_that_of_the_whole_gradient_before_it_is_clipped():
    group = group_of(gradient_norms=True, clip=1e-4)
    weights = group.parameters.named(differentiable=True)
    lesson = Lessons(group).give(0, weights, {})
    slopes = torch.autograd.grad((group.objective.charge(lesson) * lesson.shares).sum(), list(weights.values()))
    norms = torch.cat([slope.double().reshape(2, -1) for slope in slopes], 1).norm(dim=1)
    first = torch.tensor([logged(outcome, "gradient_norm")[0] for outcome in train(group)])
    assert gap(norms, first.double()) < 1e-6
    assert first.min() > 1e-4, "not the clipped one"


def test_a_run_is_the_same_with_and_without():
    plain, told = group_of(), group_of(gradient_norms=True)
    (before, _), (after, _) = train(plain), train(told)
    assert not logged(before, "gradient_norm")
    assert len(logged(after, "gradient_norm")) == 2
    assert torch.equal(plain.parameters.flat, told.parameters.flat)
    assert logged(before, "loss") == logged(after, "loss")


def test_a_readout_that_is_solved_has_none():
    with pytest.raises(ConfigError, match=r"training.gradient_norms=True: model=echo_state is solved without a gradient"):
        Experiment(task=TASK, model=EchoState(), evaluation=EVALUATION, training=Training(gradient_norms=True))
