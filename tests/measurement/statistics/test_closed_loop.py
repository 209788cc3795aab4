"""Tests of measures of the closed loop, on models of which the right values are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.rollout import rollout
from freerun.engine.training import train
from freerun.errors import ConfigError
from freerun.laws._observed_rollouts import observed, with_sequences
from freerun.laws.toolkit import same_bits, small_parts
from freerun.measurement import evaluation
from freerun.measurement.evaluation import evaluate
from freerun.measurement.long_orbits import follow
from freerun.measurement.metrics.chaos_floor import ChaosFloor
from freerun.measurement.metrics.nrmse import NRMSE
from freerun.measurement.metrics.rmse import RMSE
from freerun.measurement.metrics.valid_time import ValidTime
from freerun.measurement.metrics.valid_time_censored import ValidTimeCensored
from freerun.measurement.statistics.lyapunov_exponents import exponents
from freerun.measurement.true_orbits import continued
from freerun.parts import registry
from freerun.parts.models.gru import GRU
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.linear import Linear
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63

LORENZ = Lorenz63(sequences=40, length=20, transient=1.0)


def group_of(regimes, model=None, task=LORENZ, **settings):
    measuring = Evaluation(warmup=4, horizon=16, **settings)
    training = Training(updates=2, batch=4)
    made = [
        Experiment(task=task, model=model or GRU(hidden=3), regime=r, training=training, evaluation=measuring) for r in regimes
    ]
    return Group(made, {0: task.build(0, 20)})


def values(measured, metric, mode="free"):
    found = [s.values for s in measured.series if (s.metric, s.mode, s.split) == (metric, mode, "test")]
    return found[0] if found else next(c.values for c in measured.comparisons if (c.metric, c.split) == (metric, "test"))


def test_the_chaos_floor_begins_at_the_error_itself_and_grows_as_the_world_does():
    seen = observed(LORENZ)
    seen = replace(seen, outputs=seen.targets + 1e-6 * torch.sign(seen.outputs.float()))
    floor = ChaosFloor().measure(seen)
    assert floor[0] == pytest.approx(float(RMSE().measure(seen)[0]), rel=1e-9)
    assert not ChaosFloor().measure(replace(seen, outputs=seen.targets.clone())).any()
    double = replace(seen, outputs=seen.targets + 2 * (seen.outputs - seen.targets))
    ratio = ChaosFloor().measure(double) / floor
    assert (ratio - 2).abs().max() < 1e-2  # still linear: the error stays below 1e-4 of the attractor


def test_a_true_model_is_at_its_floor():
    """A rollout of the true system from a wrong start: all of its free error is the world's own."""
    seen = observed(LORENZ)
    wrong = seen.targets[4].double() + 0.01
    scale, mean = seen.data.std.double(), seen.data.mean.double()
    went = (torch.from_numpy(LORENZ.advance((wrong * scale + mean).numpy(), 15)) - mean) / scale
    outputs = torch.cat([seen.targets[:4].double(), wrong[None], went])
    seen = replace(seen, outputs=outputs)
    # the data were made with a fifth of the step of integration: an error of the fourth order, far below that of the start
    assert torch.allclose(ChaosFloor().measure(seen), RMSE().measure(seen), rtol=1e-2)


def test_nrmse_is_the_median_of_means_over_one_lyapunov_time():
    seen = observed(LORENZ)
    assert NRMSE().measure(seen).isnan().all()  # 16 steps are less than one Lyapunov time
    steps = round(LORENZ.lyapunov_steps())
    data = LORENZ.build(0, 4 + steps)
    part = data.splits["test"]
    size = torch.linspace(0, 1, len(part)) * torch.arange(1, 5 + steps)[:, None]
    seen = replace(seen, data=data, targets=part.targets, weights=part.weights, outputs=part.targets + size[..., None])
    each = torch.linspace(0, 1, len(part)) * (4 + (1 + steps) / 2)
    assert NRMSE(scale="own").measure(seen).item() == pytest.approx(float(each.median()), rel=1e-5)
    assert NRMSE(scale="own", window=0.5).measure(seen).item() < 0.7 * float(each.median())


def test_what_outlasts_the_horizon_is_counted():
    seen = observed(LORENZ)
    outputs = seen.targets.clone()
    outputs[10:, ::5] += 1
    seen = replace(seen, outputs=outputs)
    count = seen.targets.shape[1]
    failed = len(range(0, count, 5)) / count
    assert ValidTimeCensored().measure(seen).item() == pytest.approx(1 - failed)
    assert ValidTime().measure(seen).item() * LORENZ.lyapunov_steps() == pytest.approx(16 * (1 - failed) + 6 * failed)


def test_the_exponent_of_a_linear_loop_is_the_largest_of_its_eigenvalues():
    """y -> y A: neighbours part, or close, by the largest |eigenvalue|, whatever the orbit does."""
    for factor in (1.02, 0.9):
        group = group_of([TeacherForcing()], Linear(), orbit=400)
        weights = group.weights()
        name = next(key for key, value in weights.items() if value.shape[-2:] == (3, 3))
        matrix = torch.diag(torch.tensor([factor, 0.5, 0.3]))
        group.parameters.flat.zero_()
        at = 0
        for key, shape in group.parameters.shapes.items():
            if key == name:
                group.parameters.flat[0, at : at + 9] = matrix.flatten()
            at += shape.rows * shape.columns
        orbit = follow(group)[0]
        found = exponents(orbit.apart, orbit.distance, orbit.stretch)
        assert found.tolist() == pytest.approx([math.log(factor)] * len(found), abs=1e-6)  # the matrix has 7 digits


def test_the_long_loop_is_the_free_rollout_gone_on():
    """In double precision and cut into stretches, it is the loop of an evaluation: the state goes along."""
    for model in (GRU(hidden=3), HiddenRecurrent(hidden=3)):
        group = group_of([TeacherForcing()], model, orbit=100)
        orbit = follow(group)[0]
        index = {0: torch.linspace(0, 9, orbit.made.shape[1], dtype=torch.float64).round().long()}
        sequences = group.batch("test", index, 20)
        free = group.roll(group.weights(), sequences, group.release(20, len(index[0])), None)
        assert torch.allclose(orbit.made[:16].float(), free.fed[4:, 0], atol=1e-5)  # 16 steps in single precision
        assert orbit.made.shape == (100, orbit.true.shape[1], 3)


@pytest.mark.parametrize(("asked", "times"), [(["rmse", "valid_time"], 0), (["lyapunov", "d_pairs", "rmse"], 1)])
def test_long_loops_are_followed_once_and_only_for_a_metric_that_looks_at_them(asked, times, monkeypatch):
    followed = []
    monkeypatch.setattr(evaluation, "follow", lambda group: followed.append(1) or follow(group))
    measured = evaluate(group_of([FreeRunning(), ScheduledSampling()], orbit=100, metrics=asked))
    assert len(followed) == times
    names = {part.metric for run in measured for part in (*run.series, *run.comparisons)}
    assert names == set(asked)


def test_a_rollout_goes_on_from_a_state():
    group = group_of([TeacherForcing()])
    sequences = group.batch("test", {0: torch.arange(3)}, 20)
    truth, start = group.encoded(sequences)
    kept = {"model": group.model, "weights": group.weights(), "feedback": group.feedback, "residual": group.residual}
    for mask in (None, torch.zeros_like(truth[..., 0])):
        whole = rollout(truth=truth, start=start, mask=mask, **kept)
        steps = torch.ones_like(truth[..., 0]) if mask is None else mask
        looped = rollout(truth=truth, start=start, mask=steps, states=True, **kept)
        rest = None if mask is None else mask[8:]
        later = rollout(truth=truth[8:], start=whole.fed[7], mask=rest, state=looped.states[7], **kept)
        assert torch.allclose(later.outputs, whole.outputs[8:], atol=1e-6)


def test_each_regime_is_0_from_the_mode_it_was_trained_in():
    found = []
    for regimes in ([TeacherForcing()], [FreeRunning(), ScheduledSampling()]):
        group = group_of(regimes, distances=True, orbit=0)
        lessons = Lessons(group)
        train(group, None, lessons)
        found += evaluate(group, lessons)
    forced, free, _ = found
    for part in ("fed", "hidden", "output"):
        assert set(values(forced, f"{part}_energy", "forced")) == {0.0}
        assert set(values(free, f"{part}_energy", "free")) == {0.0}
        assert any(v != 0 for v in values(forced, f"{part}_energy", "free"))
        assert values(free, f"{part}_mmd_p", "free") == [1.0]


def test_nothing_is_measured_that_was_not_asked_for():
    measured = evaluate(group_of([TeacherForcing()], orbit=0))[0]
    names = {s.metric for s in measured.series} | {c.metric for c in measured.comparisons}
    assert "chaos_floor" in names
    assert not names & {"fed_energy", "hidden_mmd", "d_stsp", "lyapunov"}


def test_a_classifier_does_not_mind_the_order_of_sequences():
    seen = observed(Lorenz63(sequences=80, length=20, transient=0.0))
    order = torch.arange(seen.targets.shape[1]).flip(0)
    assert torch.equal(
        registry.get("metric", "fed_classifier")().measure(seen),
        registry.get("metric", "fed_classifier")().measure(with_sequences(seen, order)),
    )


def test_a_world_that_cannot_go_on_has_no_orbit():
    assert Experiment(task=HiddenMarkov(), model=GRU()).evaluation.orbit == 0
    with pytest.raises(ConfigError, match="cannot be continued"):
        Experiment(task=HiddenMarkov(), model=GRU(), evaluation=Evaluation(orbit=500))


@pytest.mark.parametrize("name", [name for name, task in small_parts("task").items() if task.continues])
def test_a_true_orbit_has_the_same_bits_whatever_others_there_are(name):
    task = small_parts("task")[name]
    each = [task.build(seed, task.length) for seed in range(3)]
    places = [(data, data.splits["train"].start[: 2 + k].clone()) for k, data in enumerate(each)]
    places[1][1][0] = torch.nan  # one that is lost from the beginning
    for place, found in zip(places, continued(task, places, 30), strict=True):
        (alone,) = continued(task, [place], 30)
        assert same_bits(found, alone)
