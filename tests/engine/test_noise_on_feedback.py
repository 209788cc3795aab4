"""Noise on what the model feeds itself: its own streams, after the warm-up alone, on both engines, in value and gradient."""

from __future__ import annotations

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine import engine_choice
from freerun.engine.feeding import Lessons
from freerun.engine.group_batch import GroupBatch
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.parts.models.gru import GRU
from freerun.parts.models.linear import Linear
from freerun.parts.models.lstm import LSTM
from freerun.parts.models.stencil import Stencil
from freerun.parts.models.transformer import Transformer
from freerun.parts.regimes.noisy_free_running import Level, NoisyFreeRunning
from freerun.parts.tasks.advection import Advection
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.random_streams import stream, uniforms

STEPS, BATCH, WARMUP = 6, 5, 2
FLOW = Lorenz63(sequences=8, length=STEPS, transient=0.0, predict="increment")
FIELD = Advection(points=11, trajectories=4, steps=12, length=STEPS)
MODELS = {
    "linear": (Linear(), FLOW), "gru": (GRU(hidden=3), FLOW), "lstm": (LSTM(hidden=3), FLOW),
    "transformer": (Transformer(hidden=4, heads=2), FLOW), "stencil": (Stencil(), FIELD),
}  # fmt: skip


def group_of(model, regime=None, dtype="float64", seeds=(3,), gradient="through"):
    model, task = MODELS[model]
    chosen = [
        Experiment(
            task=task, model=model, regime=regime or NoisyFreeRunning(noise=0.2), dtype=dtype, gradient=gradient, seed=seed,
            training=Training(updates=4, batch=BATCH), evaluation=Evaluation(warmup=WARMUP, horizon=STEPS - WARMUP),
        )
        for seed in seeds
    ]  # fmt: skip
    return Group(chosen, {seed: task.build(seed, STEPS) for seed in seeds})


def lesson_of(group, engine="auto"):
    try:
        engine_choice.use(engine)
        weights = group.parameters.named(differentiable=True)
        lesson = Lessons(group).give(1, weights, {})
        loss = (group.objective.charge(lesson) * lesson.shares).sum() + 0.1 * (lesson.fed * lesson.fed).sum()
        return lesson, torch.autograd.grad(loss, [*weights.values()])
    finally:
        engine_choice.use(None)


def noise_of(group, level, seed=3):
    width = group.outputs
    normals = stream(seed, "own_noise", 1).standard_normal((STEPS, BATCH, width), dtype="float32")
    levels = uniforms(seed, "own_noise_level", 1, (STEPS, BATCH)) if level is Level.drawn else 1.0 + 0 * normals[..., 0]
    return 0.2 * torch.from_numpy(normals).double() * torch.from_numpy(levels).double()[..., None]


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_what_is_fed_is_the_models_own_output_and_the_noise_of_its_stream(model, level, engine):
    group = group_of(model, NoisyFreeRunning(noise=0.2, level=level))
    lesson, _ = lesson_of(group, engine)
    truth, _ = group.encoded(lesson.sequences)
    assert torch.equal(lesson.fed[:WARMUP].detach(), truth[:WARMUP]), "the warm-up is disturbed"
    added = (lesson.fed - lesson.outputs).detach()[WARMUP:, 0]
    assert float((added - noise_of(group, level)[WARMUP:]).abs().max()) < 1e-12


@pytest.mark.parametrize("gradient", ["through", "stop"])
@pytest.mark.parametrize("model", MODELS)
def test_both_engines_and_a_loop_by_hand_agree_on_the_gradient(model, gradient):
    group = group_of(model, gradient=gradient)
    (lesson, found), (_, looped) = (lesson_of(group, engine) for engine in ("auto", "reference"))
    weights = group.parameters.named(differentiable=True)
    truth, fed = group.encoded(lesson.sequences)
    noise, state, outputs, feeds = noise_of(group, Level.constant), group.model.start(1, BATCH, fed), [], []
    for t in range(STEPS):
        out, state = group.model.step(weights, fed, state)
        out = out if group.residual is None else fed + group.residual * out
        outputs.append(out)
        fed = truth[t] if t < WARMUP else out + noise[t]
        fed = fed.detach() if gradient == "stop" else fed
        feeds.append(fed)
    fed = torch.stack(feeds)
    losses = (torch.stack(outputs) - lesson.sequences.targets).square().mean(-1)
    loss = (losses * lesson.shares).sum() + 0.1 * (fed * fed).sum()
    for a, b, c in zip(found, looped, torch.autograd.grad(loss, [*weights.values()]), strict=True):
        size = c.abs().max().clamp(min=1)
        assert float((a - c).abs().max() / size) < 1e-12
        assert float((b - c).abs().max() / size) < 1e-12


def test_noise_of_another_stream_is_seen(monkeypatch):
    """The tests above would not hold of draws that are shared with another stream."""
    genuine = GroupBatch.normals
    monkeypatch.setattr(GroupBatch, "normals", lambda self, name, *shape: genuine(self, "noise", *shape))
    group = group_of("gru")
    lesson, _ = lesson_of(group)
    added = (lesson.fed - lesson.outputs).detach()[WARMUP:, 0]
    assert float((added - noise_of(group, Level.constant)[WARMUP:]).abs().max()) > 0.01


@pytest.mark.parametrize("model", ["gru", "transformer"])
def test_a_run_is_fed_the_same_bits_alone_and_in_a_group(model):
    alone, _ = lesson_of(group_of(model, dtype="float32"))
    beside, _ = lesson_of(group_of(model, dtype="float32", seeds=(1, 3)))
    assert torch.equal(alone.fed[:, 0], beside.fed[:, 1])


def test_what_is_measured_is_not_disturbed():
    group = group_of("gru")
    lesson, _ = lesson_of(group)
    rolled = group.roll(group.weights(), lesson.sequences, group.release(STEPS, BATCH), None)
    assert torch.equal(rolled.fed[WARMUP:], rolled.outputs[WARMUP:])


def test_where_no_value_is_fed_back_it_is_refused():
    with pytest.raises(ConfigError, match="choose noisy_forcing or free_running"):
        Experiment(task=HiddenMarkov(sequences=8, length=20), model=GRU(hidden=3), regime=NoisyFreeRunning())
    with pytest.raises(ConfigError, match="noise must be positive"):
        NoisyFreeRunning(noise=0.0)
