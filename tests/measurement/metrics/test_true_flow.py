"""Tests of the measures that ask the true flow: errors at own states, floors, parts and rates whose values are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from freerun.laws._observed_rollouts import HORIZON, WARMUP, observed
from freerun.laws.toolkit import same_bits
from freerun.measurement.metrics.chaos_floor import ChaosFloor
from freerun.measurement.metrics.error_growth_rate import ErrorGrowthRate
from freerun.measurement.metrics.log_error import LogError
from freerun.measurement.metrics.own_state_error import OwnStateError
from freerun.measurement.metrics.release_excess import ReleaseExcess
from freerun.measurement.metrics.rmse import RMSE
from freerun.measurement.metrics.valid_time import ValidTime
from freerun.measurement.metrics.worst_one_step import WorstOneStep
from freerun.measurement.players.flows import NoisyFlow, Place
from freerun.measurement.true_orbits import disturbed
from freerun.parts import registry
from freerun.parts.tasks.advection import Advection
from freerun.parts.tasks.errors_in_variables import ErrorsInVariables
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.mackey_glass import MackeyGlass
from freerun.random_streams import stream

FLOWS = ["lorenz63", "lorenz96", "thomas", "roessler", "mackey_glass"]
PARTS = ("accumulation_part", "exposure_part", "coherent_part")


def metric(name):
    return registry.get("metric", name)()


def noisy(task, error, *, steps=60, warmup=30, count=64, seed=0):
    """Forced and free rollouts of the truth with fresh errors."""
    data = task.build(seed, warmup + steps)
    sequences = data.splits["test"].take(torch.arange(count), warmup + steps)
    return NoisyFlow(error=error).play(task, data, sequences, warmup, stream(seed, "test"))


@pytest.mark.parametrize("name", [*FLOWS, "advection"])
def test_the_flow_answers_to_a_true_state_with_the_next_one(name):
    """Within the rounding of the data, and for the delay equation within what is interpolated between observations."""
    task = registry.parts("task")[name](**({} if name == "advection" else {"sequences": 32}))
    data = task.build(0, 50)
    part = data.splits["test"]
    mean, std = (0.0, 1.0) if data.mean is None else (data.mean.double().numpy(), data.std.double().numpy())
    true = torch.cat([part.start[None], part.targets]).double().numpy() * std + mean
    memory = task.remembers
    for t in range(memory, len(true), 7):
        off = (task.onward(true[t - memory : t]) - true[t]) / std
        assert np.abs(off).max() < 1e-5


def test_a_delay_equation_is_asked_with_the_history_that_was_made():
    """One value of long ago, moved: the answer moves by what the equation says of the delayed value, and of no other."""
    task = MackeyGlass(sequences=8)
    history = task.orbits(stream(0, "test").normal(size=(4, 2)), task.remembers)
    answer = task.onward(history)
    for back, least, most in ((task.tau - 0.0, 1e-4, 1e-2), (5.0, 0.0, 0.0)):
        moved = history.copy()
        moved[round(-1 - back)] += 0.01
        change = np.abs(task.onward(moved) - answer).max()
        assert least <= change <= most
    finer = MackeyGlass(sequences=8, substeps=4)
    assert finer.remembers in (task.remembers, task.remembers + 1)


def test_own_state_error_is_known_only_where_the_history_is():
    task = MackeyGlass(sequences=256)
    _, free = noisy(task, 0.01, steps=50)
    free = replace(free, warmup=10, forced=replace(free.forced, warmup=10), fed=free.outputs, long_orbit=None)
    missing = task.remembers - 1 - 10
    assert OwnStateError().measure(free).isnan().tolist() == [t < missing for t in range(70)]
    assert 0 < float(WorstOneStep().measure(free)) < 1
    assert not metric("drift_floor").applies(free)


def test_forced_own_state_error_is_the_forced_error():
    for task in (Lorenz63(sequences=256), MackeyGlass(sequences=256)):
        forced, free = noisy(task, 0.01)
        assert OwnStateError().measure(forced).tolist() == pytest.approx(RMSE().measure(forced).tolist(), rel=1e-3)
        assert float(OwnStateError().measure(free).mean()) == pytest.approx(0.01, rel=0.02)
        assert float(RMSE().measure(free)[-1]) > 0.02  # which the world makes of it


def test_values_with_noise_have_no_flow_to_ask():
    seen = observed(ErrorsInVariables(sequences=40))
    assert not OwnStateError().applies(seen)
    assert not WorstOneStep().applies(seen)
    assert RMSE().quantity_of(seen).part == "headline"


def test_the_drift_floor_of_a_world_that_neither_grows_nor_shrinks_is_a_random_walk():
    """Advection on an odd ring turns every field: k fresh errors of size s add up to s sqrt(k); the first alone stays s."""
    forced, free = noisy(Advection(points=21, modes=4, length=40, steps=40), 0.01, steps=30, warmup=5, count=5)
    assert forced is free.forced
    found = metric("drift_floor").measure(free)
    wanted = 0.01 * torch.arange(1, 31).double().sqrt()
    assert (found / wanted - 1).abs().max() < 0.15  # 105 numbers a step, summed up over steps


@pytest.mark.parametrize("task", [Lorenz63(sequences=1024), MackeyGlass(sequences=1024)], ids=["lorenz63", "mackey_glass"])
def test_the_truth_with_fresh_errors_is_at_its_drift_floor(task):
    """Its parts: accumulation alone, no exposure and no coherent drift; the chaos floor, of the first error, lies below."""
    _, free = noisy(task, 0.005, steps=40, count=256)
    floor, own = metric("drift_floor").measure(free), RMSE().measure(free)
    assert (own / floor).log().abs().mean() < 0.2  # 256 sequences, of which a few have most of the error
    logs = metric("drift_log_error").measure(free) - LogError().measure(free)
    assert logs.abs().mean() < 0.1
    accumulation, exposure, coherent = (metric(name).measure(free) for name in PARTS)
    whole = (own / OwnStateError().measure(free.forced)).log()
    assert (accumulation + exposure + coherent - whole).abs().max() < 1e-9
    assert exposure.abs().mean() < 0.1
    assert coherent.abs().mean() < 0.2
    assert accumulation[-1] > 1
    if task.continues:
        assert (ChaosFloor().measure(free)[10:] < floor[10:]).all()


def test_larger_errors_at_own_states_are_exposure_and_errors_that_hang_together_are_coherent():
    task = Lorenz63(sequences=1024)
    forced, free = noisy(task, 0.002, steps=40, count=256)
    place = Place(task=task, data=free.data, history=free.targets[29:30].double(), truth=free.targets[30:].double())
    for errors, large in (
        (0.008 * torch.from_numpy(stream(1, "test").standard_normal(place.truth.shape)), "exposure_part"),
        (torch.full(place.truth.shape, 0.002, dtype=torch.float64), "coherent_part"),
    ):
        made = torch.cat([free.outputs[:30], place.flow(errors)])
        seen = replace(free, outputs=made, fed=torch.cat([free.fed[:30], made[30:]]), forced=forced)
        parts = {name: float(metric(name).measure(seen)[10:].mean()) for name in PARTS}
        others = [abs(parts[name]) for name in PARTS[1:] if name != large]
        assert parts[large] > 0.7
        assert max(others) < 0.35


def test_valid_time_stands_beside_that_of_the_drift_floor():
    _, free = noisy(Lorenz63(sequences=256), 0.005, steps=200)
    assert ValidTime().quantity_of(free).floor == "drift_valid_time"
    assert float(metric("drift_valid_time").measure(free)) == pytest.approx(float(ValidTime().measure(free)), rel=0.15)


@pytest.mark.parametrize("name", ["valid_time", "valid_time_censored"])
def test_what_is_measured_by_another_threshold_has_another_unit(name):
    """Two studies that differ in it alone were compared as if they had one measure."""
    _, free = noisy(Lorenz63(sequences=256), 0.005, steps=200)
    usual, strict = (type(metric(name))(threshold=each).quantity_of(free).unit for each in (0.4, 0.2))
    assert usual == type(metric(name)).quantity.unit
    assert strict == f"{usual}, threshold 0.2"


def test_the_rate_at_which_a_small_error_grows_is_the_lyapunov_exponent():
    """One error of 1e-4 and none after it: the mean logarithm grows by lambda, the root mean square faster."""
    task = Lorenz63(sequences=1024)
    data = task.build(0, 230)
    sequences = data.splits["test"]
    truth = sequences.targets.double()
    push = torch.from_numpy(stream(0, "push").standard_normal((1, *truth.shape[1:])))
    errors = torch.cat([1e-4 * push, torch.zeros(199, *truth.shape[1:])])
    (went,) = disturbed(task, [(data, truth[29:30], errors)])
    seen = observed(task)
    outputs = torch.cat([truth[:30], went])
    seen = replace(
        seen, outputs=outputs, targets=sequences.targets, weights=sequences.weights, fed=outputs, warmup=30,
        start=sequences.start, hidden=None, training=None, forced=None, long_orbit=None,
    )  # fmt: skip
    rate, (low, high) = float(ErrorGrowthRate().measure(seen)), ErrorGrowthRate().interval(seen)
    assert rate == pytest.approx(1 / task.lyapunov_steps(), rel=0.15)
    assert float(low) < rate < float(high)
    log = LogError().measure(seen)
    assert float(log[0]) == pytest.approx(float(np.log(1e-4)), abs=0.4)
    assert (RMSE().measure(seen).log() > log).all()


def test_rounding_is_no_growth():
    """The truth from a start that is off by less than single precision can tell: no rate, and the least log error there is."""
    seen = observed(Lorenz63(sequences=40, transient=1.0))
    assert ErrorGrowthRate().measure(replace(seen, outputs=seen.targets.clone())).isnan().all()
    off = seen.targets * (1 + 1e-8 * torch.arange(len(seen.targets))[:, None, None])
    assert ErrorGrowthRate().measure(replace(seen, outputs=off)).isnan().all()
    assert LogError().measure(replace(seen, outputs=off)).tolist() == pytest.approx([np.log(1e-6)] * HORIZON)


def test_a_warmup_that_is_too_short_is_seen():
    """A forced error that falls to its level within some steps after the release: above 0 beyond its interval."""
    forced, free = noisy(Lorenz63(sequences=256), 0.005)
    size = 1 + 4 * torch.exp(-torch.arange(len(forced.outputs)).double() / 10)[:, None, None]
    for warmup, short in ((3, True), (60, False)):
        outputs = forced.targets + size * (forced.outputs - forced.targets)
        seen = replace(free, warmup=warmup, forced=replace(forced, warmup=warmup, outputs=outputs))
        low, high = ReleaseExcess().interval(seen)
        assert (float(low) > 0) == short
        assert float(high) > 0


def test_floors_have_the_same_bits_alone_and_beside_others():
    runs = [noisy(Lorenz63(sequences=64), error, count=16, seed=0)[1] for error in (0.01, 0.02, 0.03)]
    alone = metric("drift_floor").measure(replace(runs[1]))
    together = metric("drift_floor")
    together.together(runs)
    assert same_bits(together.measure(runs[1]), alone)


def test_skill_is_1_for_what_needs_no_model_and_known_for_the_best_forecast():
    """Errors in variables: from y_0 the best is s phi^k y_0, with a squared error of 1 - s^2 phi^(2k)."""
    task = ErrorsInVariables(sequences=16384, phi=0.95, signal=0.8)
    seen = observed(task)
    lead = torch.arange(1, HORIZON + 1).double()
    last = seen.targets[WARMUP - 1].double()
    best = torch.cat([seen.targets[:WARMUP].double(), (0.8 * 0.95**lead)[:, None, None] * last])
    still = torch.cat([seen.targets[:WARMUP].double(), last.expand(HORIZON, -1, -1)])
    persistence = (2 - 2 * 0.8 * 0.95**lead).mean()
    wanted = ((1 - 0.64 * 0.95 ** (2 * lead)).mean() / min(1.0, float(persistence))) ** 0.5
    assert float(metric("skill").measure(replace(seen, outputs=best))) == pytest.approx(float(wanted), rel=0.02)
    assert float(metric("skill").measure(replace(seen, outputs=still))) == pytest.approx(
        max(1.0, float(persistence) ** 0.5), rel=0.02
    )
    assert not metric("skill").applies(observed(Lorenz63(sequences=40, transient=0.0)))
