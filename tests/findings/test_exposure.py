"""Findings 5 and 7: what was told as exposure bias, and was the world's own growth of errors, or a state not found yet."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from findings import beside, old
from freerun.laws._observed_rollouts import observed
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics.chaos_floor import ChaosFloor
from freerun.measurement.metrics.error_growth_rate import ErrorGrowthRate
from freerun.measurement.metrics.own_state_error import OwnStateError
from freerun.measurement.metrics.release_excess import ReleaseExcess
from freerun.measurement.metrics.rmse import RMSE
from freerun.measurement.players.flows import NoisyFlow
from freerun.measurement.true_orbits import disturbed
from freerun.parts import registry
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.random_streams import stream

#: Of a usual forced error, on a scale on which the attractor has 1.
ERROR = 0.005


@cache
def noisy() -> Observed:
    """The free rollout of the truth with a fresh error at every step, which has no exposure bias; the forced one beside it."""
    task = Lorenz63(sequences=1024)
    data = task.build(0, 100)
    sequences = data.splits["test"]
    return NoisyFlow(error=ERROR).play(task, data, sequences.take(torch.arange(256), 100), 20, stream(0, "findings"))[1]


def log_ratio(metric) -> float:
    """The logarithm of the free level over the forced one."""
    free = noisy()
    a, b = (metric.measure(seen).square().mean() for seen in (free.forced, free))
    return float((b / a).log()) / 2


@beside(OwnStateError(), RMSE())
def test_05_a_gap_of_forecast_errors_is_no_exposure_bias(part, outcome):
    """The truth with fresh errors shows the whole gap of .65 to .79 against .71; at its own states it is as accurate."""
    with outcome:
        assert abs(log_ratio(part)) < 0.05


@beside(registry.get("metric", "drift_floor")(), ChaosFloor())
def test_05_the_floor_has_a_fresh_error_at_every_step(part, outcome):
    """One first error, carried on, lies below what a model without exposure bias must have; the rest was told as its fault."""
    free = noisy()
    with outcome:
        assert (RMSE().measure(free) / part.measure(free)).log()[20:].mean().abs() < 0.15


@beside("exposure_part", "rest above the chaos floor")
def test_05_what_lies_above_a_floor_is_not_told_as_exposure(part, outcome):
    """`exposure bias 0.323 of 0.710`: the report now tells by how much errors at own states raise the floor."""
    free = noisy()
    told = registry.get("metric", part)().measure(free) if part in registry.parts("metric") else None
    told = (RMSE().measure(free) / ChaosFloor().measure(free)).log() if told is None else told
    with outcome:
        assert abs(float(told[20:].mean())) < 0.1


@pytest.mark.slow
@beside(lambda seen: float(ErrorGrowthRate().measure(seen)), old.rate_of_the_mean_square)
def test_05_errors_grow_by_the_mean_of_their_logarithm(part, outcome):
    """A root mean square over windows grew by e in 14 steps where the Lyapunov time is 55; the rate stands beside lambda."""
    task = Lorenz63(sequences=1024)
    data = task.build(0, 230)
    sequences = data.splits["test"]
    truth = sequences.targets.double()
    push = torch.from_numpy(stream(0, "push").standard_normal((1, *truth.shape[1:])))
    (went,) = disturbed(task, [(data, truth[29:30], torch.cat([1e-4 * push, torch.zeros(199, *truth.shape[1:])]))])
    outputs = torch.cat([truth[:30], went])
    seen = replace(
        observed(task), outputs=outputs, targets=sequences.targets, weights=sequences.weights, fed=outputs, warmup=30,
        start=sequences.start, hidden=None, training=None, forced=None, long_orbit=None,
    )  # fmt: skip
    assert ErrorGrowthRate.quantity.floor == "lyapunov_true"
    with outcome:
        assert part(seen) == pytest.approx(1 / task.lyapunov_steps(), rel=0.15)


@beside(Lorenz63().own_warmup, 10)
def test_07_a_warmup_of_10_steps_is_too_short(part, outcome):
    """Forced RMSE of .0105 at the first lead and .0039 from the tenth on: after 20 steps it has found its level."""
    free = noisy()
    size = 0.0039 * (1 + 1.7 * np.exp(-np.maximum(0, np.arange(100) - 10) / 3)) / ERROR
    outputs = free.targets + torch.from_numpy(size)[:, None, None] * (free.forced.outputs - free.targets)
    low, _ = ReleaseExcess().interval(replace(free, warmup=part, forced=replace(free.forced, warmup=part, outputs=outputs)))
    with outcome:
        assert float(low) <= 0
