"""Yardstick of an echo-state network: how long it forecasts the Lorenz-63 flow (Pathak et al. 2018; Vlachas et al. 2020)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from freerun.config.hydra.compose import experiments
from freerun.engine.replicas import Group
from freerun.engine.training import train
from freerun.measurement.metrics._valid import THRESHOLD
from freerun.random_streams import stream

pytestmark = pytest.mark.slow
WARMUP, HORIZON, WINDOWS = 50, 500, 40
#: Of a Lyapunov time: the largest exponent of the flow is 0.9056 per time unit (Sprott 2003, appendix A).
STEP = 0.02 * 0.9056


def test_300_nodes_forecast_four_lyapunov_times():
    """A reservoir of 300 nodes (Pathak et al. 2017, "Using machine learning to replicate chaotic attractors", on Lorenz-63)
    forecasts beyond 4 Lyapunov times in the median over test windows; one of 30 nodes does not come to 2.
    """
    medians = {}
    for hidden in (300, 30):
        (run,) = experiments(
            [
                "task=lorenz63", "task.length=250", "task.sequences=160", "model=echo_state", f"model.hidden={hidden}",
                "model.squares=true", "training.updates=4", "training.log_every=4",
                f"evaluation.warmup={WARMUP}", f"evaluation.horizon={HORIZON}", "evaluation.orbit=0", "dtype=float64",
            ],
            sweep=False,
        )  # fmt: skip
        group = Group([run], {0: run.task.build(0, WARMUP + HORIZON)})
        train(group)
        sequences = group.batch("test", {0: torch.arange(WINDOWS)}, WARMUP + HORIZON)
        outputs = group.roll(group.weights(), sequences, group.release(WARMUP + HORIZON, WINDOWS), None).outputs
        failed = (outputs - sequences.targets)[WARMUP:, 0].square().mean(-1).sqrt() > THRESHOLD
        steps = torch.where(failed.any(0), failed.int().argmax(0), HORIZON)
        medians[hidden] = float(steps.double().median()) * STEP
    assert medians[300] > 4, medians
    assert medians[30] < 2, medians


def test_the_readout_is_the_ridge_regression_of_what_was_drawn():
    """In NumPy from the formulas of the model: each sequence counts as often as the batches drew it, with replacement."""
    updates, batch, count, leak, ridge = 6, 8, 40, 0.6, 1e-4
    (run,) = experiments(
        [
            "task=lorenz63", "task.length=50", f"task.sequences={count}", "task.transient=5", "model=echo_state",
            "model.hidden=25", f"model.leak={leak}", "model.density=0.3", f"model.ridge={ridge}", "model.squares=true",
            f"training.updates={updates}", f"training.batch={batch}", "evaluation.warmup=20", "evaluation.horizon=20",
            "evaluation.orbit=0", "dtype=float64",
        ],
        sweep=False,
    )  # fmt: skip
    group = Group([run], {0: run.task.build(0, 50)})
    train(group)
    weights = {name: value[0].numpy() for name, value in group.weights().items()}
    part = group.batch("train", {0: torch.arange(count)}, 50)
    values = torch.cat([part.start, part.targets[:, 0]])
    nodes, features = np.zeros((count, 25)), []
    for value in values[:-1].double().numpy():
        fed = weights["input.bias"] + value @ weights["input.weight"] + nodes @ weights["reservoir"]
        nodes = (1 - leak) * nodes + leak * np.tanh(fed)
        features.append(np.where(np.arange(25) % 2, nodes**2, nodes))
    drawn = np.concatenate([stream(0, "order", update).integers(0, count, batch) for update in range(updates)])
    x, y = (seen[20:, drawn].reshape(-1, seen.shape[-1]) for seen in (np.stack(features), values[1:].double().numpy()))
    away, of = x - x.mean(0), y - y.mean(0)
    readout = np.linalg.solve(away.T @ away / len(x) + ridge * np.eye(25), away.T @ of / len(x))
    assert np.abs(weights["output.weight"] - readout).max() < 1e-8
    assert len(set(drawn.tolist())) < len(drawn)
