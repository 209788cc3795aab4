"""Updates whose loss and gradient come with the rollout: the bits of those that take them afterwards, in every setting."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.compiled import build, operation
from freerun.engine.compiled.library import NEEDS, Library, library, processor_sets
from freerun.engine.feeding import Lessons
from freerun.engine.optimizer import Adam
from freerun.engine.parameters import Parameters, Trained
from freerun.engine.replicas import Group
from freerun.engine.training import Trainer
from freerun.laws.toolkit import noise, same_bits
from freerun.parts import registry
from freerun.parts.layers import Shape, per_replica, totals
from freerun.parts.models.gru import GRU
from freerun.parts.models.lstm import LSTM
from freerun.parts.objectives.absolute_error import AbsoluteError
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.regimes.parallel_scheduled_sampling import ParallelScheduledSampling
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks._scaling import Predict
from freerun.parts.tasks.lorenz63 import Lorenz63

TASK = Lorenz63(sequences=8, length=8, transient=0.0)
EVALUATION = Evaluation(warmup=2, horizon=6)
built = pytest.mark.skipif(library() is None, reason="the compiled engine is not built here (no C compiler)")


def group_of(seeds=(4, 3), task=TASK, dtype="float32", training=None, **parts):
    settings = Training(updates=3, batch=4, **(training or {}))
    parts = {"task": task, "model": GRU(hidden=3), "regime": FreeRunning(), "evaluation": EVALUATION, "dtype": dtype, **parts}
    experiments = [Experiment(seed=seed, training=settings, **parts) for seed in seeds]
    return Group(experiments, {seed: task.build(seed, task.length) for seed in seeds})


def trained(group):
    """The losses of three updates, and the weights behind them."""
    trainer = Trainer(group, Lessons(group))
    losses = [trainer.update(update) for update in range(3)]
    return losses, group.parameters.flat


CASES = {
    "plain": {},
    "two replicas of a seed": {"seeds": (3, 3)},
    "double precision, lstm, increments": {
        "dtype": "float64",
        "model": LSTM(hidden=3),
        "task": replace(TASK, predict=Predict.increment),
    },
    "forced": {"regime": TeacherForcing()},
    "coins": {"regime": ScheduledSampling()},
    "a window": {"training": {"window": 3}},
    "levels, clipping, adamw": {"training": {"levels": "last", "clip": 1e-3, "optimizer": "adamw", "weight_decay": 0.1}},
    "sgd": {"training": {"optimizer": "sgd", "momentum": 0.9, "truncate": 3, "gradient_norms": True}},
    "stopped": {"gradient": "stop"},
}


@built
@pytest.mark.parametrize("case", CASES)
def test_an_update_has_the_same_bits_as_one_that_takes_its_gradient_afterwards(case, monkeypatch):
    seen = []
    genuine = operation._descend
    monkeypatch.setattr(operation, "_descend", lambda *words: (seen.append(1), genuine(*words))[1])
    losses, weights = trained(group_of(**CASES[case]))
    assert len(seen) == 3
    monkeypatch.setattr(operation, "_charged", lambda *_: None)
    losses_afterwards, weights_afterwards = trained(group_of(**CASES[case]))
    assert len(seen) == 3
    assert losses == losses_afterwards
    assert same_bits(weights, weights_afterwards)


@built
@pytest.mark.parametrize("parts", [{"objective": AbsoluteError()}, {"regime": ParallelScheduledSampling()}], ids=str)
def test_what_charges_more_or_otherwise_takes_its_gradient_afterwards(parts, monkeypatch):
    """Of a feed that carries a gradient, too."""
    monkeypatch.setattr(operation, "_descend", lambda *_: pytest.fail("the gradient was computed with the rollout"))
    group = group_of(**parts)
    by_name = group.parameters.named(differentiable=True)
    lesson = Lessons(group).give(0, by_name, {})
    slopes = torch.autograd.grad(group.objective.charge(lesson), list(by_name.values()), lesson.shares)
    weights = Trained(group.parameters)
    lesson, _ = Lessons(group).rolled(0, weights, {})
    expected = torch.cat([slope.reshape(2, -1) for slope in slopes], 1)
    assert same_bits(weights.gradient(group.objective.charge(lesson), lesson.shares), expected)


@pytest.mark.parametrize("read", ["whole", "by name", "both", "one by name"])
def test_the_gradient_of_weights_is_that_of_what_was_read(read):
    shapes = {"a": Shape(rows=2, columns=3, bound=1.0), "b": Shape(rows=1, columns=2, bound=1.0)}
    weights = Trained(Parameters(shapes, [1, 2], torch.empty(0, dtype=torch.float64)))
    factors = noise(2, 8)
    by_name = {"whole": [], "one by name": ["b"]}.get(read, ["a", "b"])
    parts = {"a": factors[:, :6], "b": factors[:, 6:]}
    charge = sum((weights[name].reshape(2, -1) * parts[name]).sum() for name in by_name)
    if read in ("whole", "both"):
        charge = charge + (weights.flat * factors).sum()
    expected = torch.cat([part if name in by_name else 0 * part for name, part in parts.items()], 1)
    expected = {"whole": factors, "both": 2 * factors}.get(read, expected)
    assert torch.equal(weights.gradient(charge, torch.ones((), dtype=torch.float64)), expected)


def test_sums_at_once_are_the_sums_of_each_alone():
    for dtype in (torch.float32, torch.float64):
        for replicas, shape in ((1, (7,)), (3, (1,)), (2, (12, 1)), (5, (100, 32)), (33, (1187,)), (2, (5, 70000))):
            x = noise(replicas, *shape, dtype=dtype)
            assert same_bits(totals(x), per_replica(torch.sum, x))
            moved = x.movedim(0, -1 if x.dim() < 3 else 1).contiguous()
            axis = moved.dim() - 1 if x.dim() < 3 else 1
            assert same_bits(totals(moved, axis), per_replica(torch.sum, moved, axis))


def steps_of_adam(decoupled, dtype, size):
    """Weights, moments and what was finite, over steps with every accident: 4 replicas of which one dies and two overflow."""
    large = torch.finfo(dtype).max
    like, zeros = noise(4, size, dtype=dtype), torch.zeros(4, size, dtype=dtype)
    adam = Adam(
        rate=like.new_tensor([1e-2, 3e-3, 0.3, large / 3])[:, None], decay=like.new_tensor([0.0, 0.1, 0.01, 0.0])[:, None],
        clip=like.new_tensor([math.inf, 1e-3, 2.0, math.inf]), decoupled=decoupled, first=zeros, second=zeros.clone(),
    )  # fmt: skip
    weights, seen = like.clone(), []
    weights[3] = weights[3].sign() * large * 0.9
    for update in range(5):
        slopes = noise(4, size, seed=update + 1, dtype=dtype) * (100 if update % 2 else 1e-6)
        slopes[0, 0] = 0.0
        slopes[2] = torch.inf if update == 3 else slopes[2]
        norms = adam.norms(slopes)
        alive = norms.isfinite() & torch.tensor([True, update < 2, True, True])
        seen.append(adam.step(weights, slopes, norms, alive, update, 0.5 if update > 2 else 1.0))
    return [weights, adam.first, adam.second, torch.stack(seen).to(dtype)]


@built
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_compiled_step_of_adam_has_the_bits_of_pytorchs(decoupled, dtype, monkeypatch):
    for size in (1, 37, 64):
        monkeypatch.setenv("FREERUN_ENGINE", "reference")
        expected = steps_of_adam(decoupled, dtype, size)
        assert bool((expected[3] == 0).any())
        assert bool(expected[0][:3].isfinite().all())
        monkeypatch.delenv("FREERUN_ENGINE")
        for instructions in build.sets():
            path = Path(build.__file__).with_name(build.file_name(instructions))
            if path.is_file() and NEEDS[instructions] <= processor_sets():
                monkeypatch.setattr("freerun.engine.compiled.library.library", partial(Library, instructions, path))
                for a, b in zip(steps_of_adam(decoupled, dtype, size), expected, strict=True):
                    assert torch.equal(a.isnan(), b.isnan())
                    assert same_bits(a.nan_to_num(), b.nan_to_num()), instructions


@pytest.mark.parametrize("name", [name for name, cls in registry.parts("regime").items() if not cls.tosses])
def test_a_mask_that_depends_on_no_coin_is_the_same_for_others(name):
    regime = registry.get("regime", name)()
    for update in (0, 3, 9):
        first, second = (regime.mask(torch.rand(7, 5, generator=torch.Generator().manual_seed(k)), update, 10) for k in (0, 1))
        assert torch.equal(first, second)
        assert torch.equal(first, regime.mask(torch.zeros(7, 5), update, 10))


def test_coins_are_drawn_where_a_mask_of_the_group_depends_on_them(monkeypatch):
    drawn = []
    monkeypatch.setattr(Group, "draws", lambda self, name, *rest: (drawn.append(name), genuine(self, name, *rest))[1])
    for regimes, expected in (((FreeRunning(),), []), ((FreeRunning(), ScheduledSampling()), ["coins"])):
        drawn.clear()
        parts = {"task": TASK, "model": GRU(hidden=3), "evaluation": EVALUATION, "training": Training(updates=3, batch=4)}
        group = Group([Experiment(regime=regime, seed=3, **parts) for regime in regimes], {3: TASK.build(3, 8)})
        mask = Lessons(group).give(1, group.weights(), {}).mask
        assert drawn == expected
        assert bool((mask[2:, 0] == 0).all())


genuine = Group.draws


def test_weights_that_are_all_1_are_one_tensor_and_padding_is_seen():
    group = group_of(seeds=(3, 3))
    index = {3: torch.tensor([1, 0, 2])}
    first, second = (group.batch("train", index, 8) for _ in range(2))
    assert first.weights is second.weights
    assert group.charged_shares(first) is group.charged_shares(second)
    assert torch.equal(first.weights, torch.ones(8, 2, 3))
    padded = group.data[3].splits["train"].weights.clone()
    padded[5:, 0] = 0
    group.data[3].splits["train"] = replace(group.data[3].splits["train"], weights=padded)
    third = group.batch("train", index, 8)
    assert torch.equal(third.weights[:, 1], padded[:, [1, 0, 2]])
    assert float(group.charged_shares(third)[5:, :, 1].abs().sum()) == 0
    assert torch.allclose(per_replica(torch.sum, group.charged_shares(third), 1), torch.ones(2))
