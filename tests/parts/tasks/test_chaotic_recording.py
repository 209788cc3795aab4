"""A recording of a chaotic system: given its Lyapunov time or estimated, measured like a flow against a held-out stretch."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np
import pytest
import torch

from freerun import GRU, Experiment, Linear, Lorenz63, Roessler, Thomas, Training
from freerun.config.evaluation_settings import Evaluation
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.measurement.evaluation import evaluate
from freerun.measurement.long_orbits import follow
from freerun.parts.tasks._lyapunov_estimate import lyapunov_steps
from freerun.parts.tasks._scaling import Predict
from freerun.parts.tasks.series import Series
from freerun.random_streams import stream

ROWS = 4000


@functools.cache
def orbit(system, rows=ROWS):
    flow = system()
    return flow.orbits(stream(3, "test").normal(size=(1, flow.numbers())), rows)[:, 0]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    lines = [",".join(f"{value:.6f}" for value in row) for row in orbit(Lorenz63)]
    file = tmp_path_factory.mktemp("recording") / "lorenz.csv"
    file.write_text("\n".join(["x,y,z", *lines]))
    return str(file)


def measured(task, **evaluation):
    settings = Evaluation(sequences=8, **evaluation)
    experiment = Experiment(task=task, model=GRU(hidden=4), training=Training(updates=1), evaluation=settings)
    group = Group([experiment], {0: experiment.task.build(0, max(task.length, sum(experiment.span)))})
    (found,) = evaluate(group)
    return experiment, group, found


def test_series_with_a_chaotic_recording(path):
    """As the case says: a valid time, NRMSE and attractor measures, in the units that are given."""
    experiment, _, found = measured(Series(path=path, dt=0.02, lyapunov_time=1.1))
    assert experiment.task.lyapunov_steps() == pytest.approx(55)
    assert experiment.evaluation.orbit == 389  # the validation part has 400 rows
    names = {one.metric for one in found.series} | {one.metric for one in found.comparisons}
    assert names >= {"valid_time", "nrmse", "d_stsp", "d_stsp_floor", "d_h", "d_pairs", "lyapunov", "lyapunov_true"}
    assert "chaos_floor" not in names
    assert found.sample["dt"] == 0.02
    assert found.sample["names"] == ["x", "y", "z"]


def test_estimated_and_said(path):
    task = Series(path=path, dt=0.02, chaotic=True)
    steps = task.lyapunov_steps()
    assert steps == pytest.approx(Lorenz63().lyapunov_steps(), rel=0.35)
    assert f"a Lyapunov time of {steps:.3g} steps" in " ".join(task.notes())
    assert "estimated from the training part" in " ".join(task.notes())
    assert "given" in " ".join(Series(path=path, lyapunov_time=50).notes())


@pytest.mark.parametrize("columns", [slice(None), slice(0, 1)], ids=["all", "one"])
@pytest.mark.parametrize("system", [Lorenz63, Roessler])
def test_the_estimate_is_near_the_truth(system, columns):
    """Within a factor of 1.7 of the equations' own, from 4,000 samples: an estimate, and said to be one."""
    ratio = lyapunov_steps([orbit(system)[:, columns]]) / system().lyapunov_steps()
    assert 1 / 1.7 < ratio < 1.7


MEASURED = [
    "valid_time", "nrmse", "d_stsp", "d_stsp_floor", "d_h", "d_h_floor", "d_pairs", "d_pairs_floor", "lyapunov_true"
]  # fmt: skip
SYSTEMS = [(Lorenz63, {"dt": 0.02, "substeps": 1}), (Roessler, {"substeps": 2}), (Thomas, {"substeps": 1})]


@pytest.mark.slow
@pytest.mark.parametrize(("system", "settings"), SYSTEMS, ids=[system.__name__ for system, _ in SYSTEMS])
def test_a_recording_is_measured_as_the_flow_that_it_is_of(system, settings, tmp_path):
    """Persistence on a file of an orbit and on the flow: valid time, NRMSE and distances of climates are near each other.

    Declared or estimated, a Lyapunov time is a unit: in steps the valid time is one, and NRMSE goes over one of them.
    """
    flow = system(**settings, predict=Predict.increment, sequences=400)
    values = flow.orbits(stream(4, "test").normal(size=(1, flow.numbers())), 20_000)[:, 0]
    np.savetxt(
        tmp_path / "orbit.csv", values, delimiter=",", header=",".join("xyzw"[: values.shape[1]]), comments="", fmt="%.6f"
    )
    told = {"path": str(tmp_path / "orbit.csv"), "dt": flow.dt, "predict": Predict.increment}
    time = flow.lyapunov_steps()
    tasks = {
        "flow": flow,
        "declared": Series(**told, lyapunov_time=time * flow.dt),
        "estimated": Series(**told, chaotic=True),
    }
    seen = {name: resting(task, horizon=round(1.7 * time), orbit=200) for name, task in tasks.items()}
    ratio = tasks["estimated"].lyapunov_steps() / time
    assert 1 / 3 < ratio < 3
    for name, factor in (("declared", 1.0), ("estimated", ratio)):
        assert seen[name]["valid_time"] * factor == pytest.approx(seen["flow"]["valid_time"], rel=0.25)
        for distance in ("d_stsp", "d_pairs"):
            assert 0.6 < seen[name][distance] / seen["flow"][distance] < 1.7, distance
        for floor in ("d_stsp_floor", "d_pairs_floor"):  # of 1,600 states: true orbits are as far from each other as that
            assert 1 / 5 < seen[name][floor] / seen["flow"][floor] < 5, floor
            assert seen[name][floor] < seen[name][floor.removesuffix("_floor")]
        assert seen[name]["d_h"] == seen["flow"]["d_h"] == 1  # what rests
        assert seen[name]["d_h_floor"] < 0.1
    assert seen["declared"]["nrmse"] == pytest.approx(seen["flow"]["nrmse"], rel=0.3)
    assert seen["declared"]["lyapunov_true"] == pytest.approx(seen["flow"]["lyapunov_true"])


def resting(task, **evaluation):
    """What is measured of persistence, the mean over steps: a linear model of increments, all of them 0."""
    settings = Evaluation(warmup=20, sequences=100, metrics=MEASURED, **evaluation)
    experiment = Experiment(task=task, model=Linear(), training=Training(updates=1), evaluation=settings)
    group = Group([experiment], {0: experiment.task.build(0, max(task.length, sum(experiment.span)))})
    group.parameters.flat.detach().zero_()
    (found,) = evaluate(group)
    free = [one for one in found.series if (one.split, one.mode) == ("test", "free")]
    return {one.metric: float(np.nanmean(np.array(one.values, dtype=float))) for one in (*free, *found.comparisons)}


def test_what_is_not_chaotic_is_refused(tmp_path):
    time = np.arange(ROWS)
    for name, values in (("sine", np.sin(time / 9)), ("noise", np.random.default_rng(0).normal(size=ROWS))):
        (tmp_path / f"{name}.csv").write_text("x\n" + "\n".join(f"{value:.6f}" for value in values))
        with pytest.raises(ConfigError, match=r"give task\.lyapunov_time"):
            Series(path=str(tmp_path / f"{name}.csv"), chaotic=True).check(70)
        assert Series(path=str(tmp_path / f"{name}.csv")).lyapunov_steps() is None


def test_long_orbits_are_set_beside_the_recording_itself(path):
    """The stretches that stand for the truth are those of the file, where the model's orbits begin."""
    _, group, _ = measured(Series(path=path, chaotic=True), orbit=100)
    (orbits,) = follow(group)
    data = group.data[0]
    scaled = (torch.from_numpy(orbit(Lorenz63).round(6)) - data.mean.double()) / data.std.double()
    test, validation = scaled[3600:], scaled[3200:3600]
    count = orbits.true.shape[1]
    assert count == 3  # of 111 rows each
    assert orbits.made.shape == orbits.true.shape == orbits.again.shape
    for n in range(count):
        for found, part in ((orbits.true[:, n], test), (orbits.again[:, n], validation)):
            off = [(part[k : k + 100] - found).abs().max() for k in range(len(part) - 99)]
            assert min(off) < 1e-4
    starts = [int(min(range(301), key=lambda k: (test[k : k + 100] - orbits.true[:, n]).abs().max())) for n in range(count)]
    assert all(b - a >= 100 for a, b in pairwise(starts))


@pytest.mark.parametrize(("warmup", "steps"), [(10, 100), (10, 200), (50, 100), (3, 240)])
def test_stretches_of_one_part_share_no_row(warmup, steps, tmp_path):
    values = stream(0, "rows").normal(size=8000)
    (tmp_path / "rows.csv").write_text("x\n" + "\n".join(map(str, values.tolist())))
    task = Series(path=str(tmp_path / "rows.csv"), lyapunov_time=20)
    held = task.held_out(task.build(0, 70), warmup, steps)
    for part in (held.true, held.again):
        states = part[..., 0].flatten().tolist()
        assert len(set(states)) == len(states)
    assert len(held.index) == (800 - 266 - 1) // (1 + warmup + steps) + 1
    assert min(b - a for a, b in pairwise(held.index.tolist())) >= 1 + warmup + steps


@pytest.mark.parametrize(
    ("settings", "evaluation", "words"),
    [
        ({}, {"orbit": 200}, "not said to be chaotic"),
        ({"chaotic": True}, {"orbit": 390}, "a held-out stretch of 389 steps at most"),
        ({"chaotic": True, "columns": ["x", "y"], "inputs": ["z"]}, {"orbit": 200}, "has inputs"),
        ({"dt": 0.0}, {}, "dt must be positive"),
        ({"lyapunov_time": -1.0}, {}, "lyapunov_time must be positive"),
    ],
)
def test_what_cannot_be_measured_is_refused(path, settings, evaluation, words):
    with pytest.raises(ConfigError, match=words):
        Experiment(task=Series(path=path, **settings), model=GRU(hidden=4), evaluation=Evaluation(**evaluation))
