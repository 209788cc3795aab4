"""The estimate of memory grows as what PyTorch keeps for a gradient does, and is good to a factor of about two."""

from __future__ import annotations

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.execution.memory_estimate import memory
from freerun.execution.planned_run import plan
from freerun.parts.models.selective_ssm import SelectiveSSM
from freerun.parts.models.transformer import Transformer
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.tasks.lorenz63 import Lorenz63

SIZES = {"length": 24, "batch": 8, "hidden": 32}


def experiment(kind, length, batch, hidden):
    return Experiment(
        task=Lorenz63(length=length, sequences=batch, transient=0.0), model=kind(hidden=hidden), regime=FreeRunning(), seed=3,
        training=Training(batch=batch), evaluation=Evaluation(warmup=2, horizon=6, orbit=0, sequences=1),
    )  # fmt: skip


def kept(one):
    """Bytes that are kept for the gradient of an update."""
    group = Group([one], {3: one.task.build(3, one.task.length)})
    weights, stores = group.parameters.named(differentiable=True), {}

    def keep(x):
        stores[x.untyped_storage().data_ptr()] = x
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        group.objective.charge(Lessons(group).give(0, weights, {}))
    return sum(x.untyped_storage().nbytes() for x in stores.values())


@pytest.mark.parametrize("kind", [Transformer, SelectiveSSM], ids=lambda kind: kind.__name__)
def test_it_grows_as_what_is_kept(kind, monkeypatch):
    monkeypatch.setenv("FREERUN_ENGINE", "reference")
    seen = {}
    for name in (None, *SIZES):
        one = experiment(kind, **{key: size * (2 if key == name else 1) for key, size in SIZES.items()})
        seen[name] = kept(one), memory(plan([one])[0])
        assert 1 / 2.5 < seen[name][0] / seen[name][1] < 2.5, (name, seen[name])
    for name in SIZES:
        measured, estimated = (after / before for after, before in zip(seen[name], seen[None], strict=True))
        assert measured / 1.35 < estimated < measured * 1.35, (name, measured, estimated)


def test_the_compiled_engine_does_not_copy_what_a_transformer_remembers(monkeypatch):
    monkeypatch.setattr("freerun.execution.memory_estimate.obstacle", lambda _: "")
    far = {}
    for engine in ("reference", "auto"):
        monkeypatch.setenv("FREERUN_ENGINE", engine)
        one, more = (experiment(Transformer, length, 8, 32) for length in (200, 400))
        far[engine] = [memory(plan([run])[0]) for run in (one, more)]
    assert far["auto"][0] < far["reference"][0] / 4
    assert far["auto"][1] < 2.1 * far["auto"][0]
    assert far["reference"][1] > 3 * far["reference"][0]
