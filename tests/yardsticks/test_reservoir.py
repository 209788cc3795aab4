"""Yardstick of an echo-state network: how long it forecasts the Lorenz-63 flow (Pathak et al. 2018; Vlachas et al. 2020)."""

from __future__ import annotations

import pytest
import torch

from freerun.config.hydra.compose import experiments
from freerun.engine.replicas import Group
from freerun.engine.training import train
from freerun.measurement.metrics._valid import THRESHOLD

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
