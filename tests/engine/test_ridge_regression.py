"""Tests of readouts that are solved: the closed form of ridge regression, and a reservoir of the size that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.hydra.compose import experiments
from freerun.config.training_settings import Training
from freerun.engine.replicas import Group
from freerun.engine.training import train
from freerun.errors import ConfigError
from freerun.laws.toolkit import gap, noise, weights_of
from freerun.parts.layers import initial_weights
from freerun.parts.models.echo_state import EchoState, spectral_radius
from freerun.parts.regimes.noisy_forcing import NoisyForcing
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.lorenz63 import Lorenz63, Predict
from freerun.random_streams import stream

WARMUP, STEPS, BATCH, UPDATES = 5, 12, 6, 3


def trained(model: EchoState, regime=None, predict="value") -> Group:
    """A group of two seeds."""
    task = Lorenz63(length=STEPS, sequences=20, transient=1.0, predict=Predict(predict))
    runs = [
        Experiment(
            task=task, model=model, regime=regime or TeacherForcing(), training=Training(updates=UPDATES, batch=BATCH),
            seed=seed, evaluation=Evaluation(warmup=WARMUP, horizon=7, orbit=0), dtype="float64",
        )
        for seed in (0, 1)
    ]  # fmt: skip
    group = Group(runs, {seed: task.build(seed, STEPS) for seed in (0, 1)})
    train(group)
    return group


def shown(group: Group, r: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and targets of all that a run has seen, one sequence and one step at a time, by the formula."""
    model, data = group.model, group.data[r]
    w = {name: value[r].numpy() for name, value in group.weights().items()}
    nodes, targets = [], []
    for update in range(UPDATES):
        index = stream(r, "order", update).integers(0, len(data.splits["train"]), BATCH)
        part = data.splits["train"].take(torch.from_numpy(index), STEPS)
        truth = torch.cat([part.start[None], part.targets]).double().numpy()
        for b in range(BATCH):
            node = np.zeros(model.hidden)
            for t in range(STEPS):
                driven = w["input.bias"][0] + truth[t, b] @ w["input.weight"] + node @ w["reservoir"]
                node = (1 - model.leak) * node + model.leak * np.tanh(driven)
                if t >= WARMUP:
                    nodes.append([x * x if model.squares and i % 2 else x for i, x in enumerate(node)])
                    change = truth[t + 1, b] - truth[t, b]
                    scale = None if data.residual is None else data.residual.double().numpy()
                    targets.append(truth[t + 1, b] if scale is None else change / scale)
    return np.array(nodes), np.array(targets)


@pytest.mark.parametrize(
    ("model", "predict"),
    [
        (EchoState(hidden=8, ridge=1e-3, density=0.5), "value"),
        (EchoState(hidden=8, ridge=1e-2, density=0.5, leak=0.4, squares=True), "value"),
        (EchoState(hidden=8, ridge=1e-3, density=0.5), "increment"),
    ],
    ids=["plain", "leak and squares", "increments"],
)
def test_the_readout_is_the_ridge_regression_of_all_that_was_shown(model, predict):
    """By least squares with rows for the penalty, which leave the constant free."""
    group = trained(model, predict=predict)
    for r in (0, 1):
        nodes, targets = shown(group, r)
        penalty = np.hstack([np.sqrt(model.ridge * len(nodes)) * np.eye(model.hidden), np.zeros((model.hidden, 1))])
        rows = np.vstack([np.hstack([nodes, np.ones((len(nodes), 1))]), penalty])
        wanted = np.linalg.lstsq(rows, np.vstack([targets, np.zeros((model.hidden, 3))]), rcond=None)[0]
        found = torch.cat([group.weights()["output.weight"], group.weights()["output.bias"]], 1)[r]
        assert gap(found, torch.from_numpy(wanted)) < 1e-8


def test_the_reservoir_is_not_learnt_and_noise_changes_the_readout_alone():
    model = EchoState(hidden=8, density=0.5)
    plain, noisy = trained(model).weights(), trained(model, NoisyForcing(noise=0.3)).weights()
    started = model.drawn(initial_weights(model.shapes(3, 3), [0, 1]))
    for name, value in plain.items():
        learnt = name.startswith("output")
        assert torch.equal(value, torch.from_numpy(started[name])) is not learnt
        assert torch.equal(value, noisy[name]) is not learnt


@pytest.mark.parametrize(("density", "radius"), [(1.0, 0.9), (0.1, 1.3), (0.02, 0.5)])
def test_a_reservoir_has_the_radius_and_the_density_that_were_asked_for(density, radius):
    model = EchoState(hidden=120, density=density, radius=radius)
    for matrix in model.drawn(initial_weights(model.shapes(3, 3), [0, 1]))["reservoir"]:
        assert abs(np.abs(np.linalg.eigvals(matrix)).max() / radius - 1) < 3e-3
        assert abs((matrix != 0).mean() - density) < 5 * np.sqrt(density * (1 - density)) / 120 + 1e-12


def test_a_reservoir_without_a_cycle_has_radius_0():
    assert spectral_radius(np.triu(np.ones((5, 5)), 1)) == 0
    assert abs(spectral_radius(np.diag([-3.0, 2.0])) / 3 - 1) < 1e-12


def test_a_solution_that_rounding_spoils_breaks_the_run(monkeypatch):
    monkeypatch.setattr(torch.linalg, "cholesky_ex", lambda matrix: (matrix, torch.tensor(1)))
    model = EchoState(hidden=8)
    task = Lorenz63(length=STEPS, sequences=20, transient=1.0)
    run = Experiment(task=task, model=model, training=Training(updates=2, batch=2), evaluation=Evaluation(warmup=2, orbit=0))
    (outcome,) = train(Group([run], {0: task.build(0, STEPS)}))
    assert outcome.broke == (0, "loss")


BAD = [
    ("model=echo_state", "model=echo_state", "task of values"),
    ("task=lorenz63 model=echo_state regime=free_running", "regime=free_running", "regime=teacher_forcing"),
    ("task=lorenz63 model=echo_state training.lr=0.1", "training.lr=0.1", "leave it out"),
    ("task=lorenz63 model=echo_state training.optimizer=adamw", "training.optimizer=adamw", "leave it out"),
    ("task=lorenz63 model=echo_state training.clip=null", "training.clip=None", "leave it out"),
    ("task=lorenz63 model=echo_state gradient=stop", "gradient=stop", "leave it out"),
    ("task=lorenz63 model=echo_state objective=pushforward", "objective=pushforward", "squared_error"),
]


@pytest.mark.parametrize(("words", "names", "teaches"), BAD, ids=[words for words, *_ in BAD])
def test_what_would_be_ignored_is_refused(words, names, teaches):
    with pytest.raises(ConfigError) as caught:
        experiments(words.split(), sweep=False)
    assert names in str(caught.value)
    assert teaches in str(caught.value)
    assert len(str(caught.value)) <= 200


def test_the_output_is_the_readout_of_the_features():
    for squares in (False, True):
        model = EchoState(hidden=6, squares=squares)
        weights, u = weights_of(model, 3, 2), noise(2, 4, 3)
        output, state = model.step(weights, u, (noise(2, 4, 6, seed=1),))
        assert gap(output, model.features(state) @ weights["output.weight"] + weights["output.bias"]) < 1e-12
        assert bool((model.features(state)[..., 1::2] >= 0).all()) is squares
