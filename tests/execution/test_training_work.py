"""Tests of the work of training: the steps that are said to be rolled out are those that the engine rolls out."""

from __future__ import annotations

import pytest

from freerun.config.hydra.compose import experiments
from freerun.engine import experts, jacobians, replicas, training
from freerun.execution.task_data import worlds
from freerun.execution.training_work import Work, work
from freerun.parts import registry
from freerun.parts.feeders import Feeder
from freerun.parts.feeders.aggregated import Aggregated
from freerun.parts.feeders.parallel_passes import ParallelPasses
from freerun.parts.objectives.professor_forcing import ProfessorForcing
from tiers import tiered

SMALL = ["task.sequences=16", "task.length=6", "evaluation.warmup=1", "evaluation.horizon=5", "model=gru", "model.hidden=2"]
UPDATES, BATCH = 9, 3
TRAINED = [f"training.updates={UPDATES}", f"training.batch={BATCH}", "training.log_every=4"]
METHODS = [
    *(f"task=lorenz63 regime={name}" for name in registry.builtin_parts("regime") if name != "generalized_forcing"),
    "task=lorenz63 regime=generalized_forcing_adaptive regime.every=4", "task=lorenz63 objective=professor_forcing",
    "task=hidden_markov objective=exact_expert regime=free_running", "task=lorenz63 objective=pushforward gradient=stop",
    "task=hidden_markov objective=policy_gradient regime=free_running",
    "task=lorenz63 regime=parallel_scheduled_sampling regime.mixing=3",
]  # fmt: skip


def experiment(words):
    short = ["task.transient=1"] if "lorenz63" in words else []
    (found,) = experiments([*SMALL, *TRAINED, *short, *words.split()], sweep=False)
    return found


def counted(found, monkeypatch):
    """The steps of sequences that training rolls out, validation left out."""
    steps = []
    for module, name in ((replicas, "rollout"), (replicas, "looped"), (jacobians, "rollout"), (experts, "rollout")):
        genuine = getattr(module, name)

        def rolled(*words, genuine=genuine, **named):
            steps.append(named["truth"].shape[0] * named["truth"].shape[2])
            return genuine(*words, **named)

        monkeypatch.setattr(module, name, rolled)
    monkeypatch.setattr(training, "validated", lambda *_: {})
    training.train(replicas.Group([found], worlds([found], found.task.length)))
    return sum(steps)


@pytest.mark.parametrize("words", tiered(METHODS, quick=lambda words: "parallel" in words or "hidden_markov" in words))
def test_every_step_that_is_rolled_out_is_counted(words, monkeypatch):
    found = experiment(words)
    assert work(found).steps == counted(found, monkeypatch)


@pytest.mark.parametrize(
    ("words", "part", "name"),
    [
        ("task=lorenz63 regime=parallel_scheduled_sampling", ParallelPasses, "rolled"),
        ("task=lorenz63 regime=data_as_demonstrator", Aggregated, "rolled"),
        ("task=lorenz63 objective=professor_forcing", ProfessorForcing, "rollouts"),
    ],
)
def test_the_charged_sequences_alone_are_caught(words, part, name, monkeypatch):
    """Updates x batch x length, whatever is rolled out beside."""
    monkeypatch.setattr(part, name, getattr(Feeder, name, 0))
    found = experiment(words)
    assert work(found).steps == UPDATES * BATCH * 6 < counted(found, monkeypatch)


def test_products_are_those_of_the_weights():
    """A GRU of 2 units on three coordinates: 3 x 2 x 6 weights and biases of gates, and those of its output."""
    found = experiment("task=lorenz63")
    weights = sum(shape.rows * shape.columns for shape in found.model.shapes(3, 3).values())
    assert work(found) == Work(updates=UPDATES, steps=UPDATES * BATCH * 6, products=UPDATES * BATCH * 6 * weights)
    ring = ["task=advection", "task.points=9", "task.modes=2", "task.length=6", "model=stencil", *TRAINED]
    (field,) = experiments([*ring, "evaluation.warmup=1", "evaluation.horizon=5"], sweep=False)
    assert work(field).products == UPDATES * BATCH * 6 * 2 * 9
    assert work(found) + work(found) == Work(updates=18, steps=2 * 162, products=2 * 162 * weights)
