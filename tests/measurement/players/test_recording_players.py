"""Tests of the baselines of forecasting: exact where a series is what they say, and skill against them by the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from freerun import Evaluation, Experiment
from freerun.config.measurement_identity import measurement
from freerun.config.run_identity import canonical
from freerun.engine.replicas import spread
from freerun.measurement.players import known, playing
from freerun.parts import registry
from freerun.parts.models.direct import Direct
from freerun.parts.models.gru import GRU
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.series import Series
from freerun.parts.tasks.sunspots import Sunspots
from freerun.random_streams import stream

ROWS, WARMUP, HORIZON = 400, 12, 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recordings")


def series(folder, name, values, **settings):
    path = folder / f"{name}.csv"
    names = [f"v{number}" for number in range(values.shape[1])]
    path.write_text("\n".join([",".join(names), *(",".join(f"{x:.12f}" for x in row) for row in values)]) + "\n")
    return Series(path=str(path), date="none", length=30, longest_window=30, **settings)


def periodic(folder, **settings):
    pattern = stream(0, "test").normal(size=(6, 2))
    return series(folder, "periodic", pattern[np.arange(ROWS) % 6], columns=["v0", "v1"], **settings)


def noisy(folder):
    return series(folder, "noisy", stream(2, "test").normal(size=(ROWS, 2)), columns=["v0", "v1"])


def driven(folder):
    """Two columns that follow exactly from the two values before and from an input."""
    given, values = stream(1, "test").normal(size=(ROWS, 1)), np.ones((ROWS, 2))
    for t in range(2, ROWS):
        values[t] = 0.6 * values[t - 1, ::-1] - 0.3 * values[t - 2] + [0.5, -0.2] * given[t] + 1
    return series(folder, "driven", np.concatenate([values, given], 1), columns=["v0", "v1"], inputs=["v2"])


def played(task, name, warmup=WARMUP):
    data = task.build(0, WARMUP + HORIZON)
    part = data.splits["test"]
    chosen = part.take(spread(len(part), 8), WARMUP + HORIZON)
    return known()[name].play(task, data, chosen, warmup, stream(0, "test"))


def error(seen):
    return float((seen.outputs - seen.targets.double())[seen.warmup :].abs().max())


def test_the_seasonal_baseline_is_exact_on_what_comes_round(folder):
    task = periodic(folder, season=6)
    assert max(error(seen) for seen in played(task, "seasonal")) == 0
    assert min(error(seen) for seen in played(periodic(folder, season=5), "seasonal")) > 0.1
    assert min(error(seen) for seen in played(task, "persistence")) > 0.1


def test_the_linear_baseline_is_exact_where_a_series_is_linear_in_its_past_and_its_inputs(folder):
    assert max(error(seen) for seen in played(driven(folder), "linear")) < 1e-3  # of single precision, fed back


def test_baselines_read_no_more_than_a_model_reads(folder):
    """Other values before the warm-up and after the release change nothing free; forced, later ones change nothing earlier."""
    task = periodic(folder, season=6)
    data = task.build(0, WARMUP + HORIZON)
    part = data.splits["test"].take(torch.arange(4), WARMUP + HORIZON)
    other = replace(part, targets=torch.cat([part.targets[:WARMUP], part.targets[WARMUP:] + 1]))
    for name in ("seasonal", "linear"):
        (forced, free), (forced_other, free_other) = (
            known()[name].play(task, data, some, WARMUP, stream(0, "test")) for some in (part, other)
        )
        assert torch.equal(free.outputs, free_other.outputs)
        assert torch.equal(forced.outputs[: WARMUP + 1], forced_other.outputs[: WARMUP + 1])
        assert not torch.equal(forced.outputs[WARMUP + 1 :], forced_other.outputs[WARMUP + 1 :])


def test_the_seasonal_baseline_plays_where_a_season_is_forced(folder):
    task, data = periodic(folder, season=6), periodic(folder).build(0, 20)
    for warmup, plays in ((4, False), (5, True)):
        assert ("seasonal" in [player.name for player in playing(task, data, warmup)]) == plays
    assert "seasonal" not in [player.name for player in playing(periodic(folder), data, WARMUP)], "no season is known"
    lorenz = Lorenz63(sequences=4, transient=0.0)
    assert not {"seasonal", "linear"} & {player.name for player in playing(lorenz, lorenz.build(0, 20), 10)}


@pytest.mark.parametrize("name", ["persistence", "seasonal", "linear"])
@pytest.mark.parametrize("make", [noisy, driven])
def test_skill_is_0_for_its_baseline_and_1_for_the_truth(folder, name, make):
    task = replace(make(folder), season=4)
    metric = registry.get("metric", f"skill_{name}")()
    for seen in played(task, name):
        assert metric.applies(seen)
        usual = metric.measure(seen)
        assert usual.abs().max() < 1e-9
        assert torch.equal(metric.measure(replace(seen, outputs=seen.targets.double())), torch.ones(HORIZON).double())
        worse = metric.measure(replace(seen, outputs=2 * seen.outputs - seen.targets))
        assert torch.allclose(worse, torch.full_like(worse, -3)), "twice the error has four times the square"


@pytest.mark.parametrize("name", ["persistence", "seasonal", "linear"])
def test_a_model_that_reads_no_truth_behind_the_release_has_one_skill_in_both_modes(folder, name):
    """Once -0.4 forced and 0.1 free, of the same forecast: forced, the baselines read what it does not."""
    task = replace(noisy(folder), season=4)
    metric = registry.get("metric", f"skill_{name}")()
    forced, free = played(task, name)
    heard, deaf = forced.experiment, replace(forced.experiment, model=Direct(hidden=2))
    alike = [replace(free, experiment=deaf, forced=beside) for beside in (None, forced)]
    assert torch.equal(*(metric.measure(seen) for seen in alike))
    assert metric.measure(alike[0]).abs().max() < 1e-9
    assert not torch.equal(*(metric.measure(replace(seen, experiment=heard)) for seen in alike))


def test_skill_is_undefined_where_the_baseline_makes_no_error(folder):
    metric = registry.get("metric", "skill_seasonal")()
    assert all(metric.measure(seen).isnan().all() for seen in played(periodic(folder, season=6), "seasonal"))


def test_skill_is_measured_unasked_on_recordings_alone_so_that_no_other_measurement_is_another():
    names = {}
    for task in (Sunspots(), Lorenz63()):
        experiment = Experiment(task=task, model=GRU(hidden=2))
        names[type(task)] = set(measurement(experiment, canonical(experiment)).metrics)
    assert {name for name in names[Sunspots] if name.startswith("skill_")} == {
        "skill_persistence",
        "skill_seasonal",
        "skill_linear",
    }
    assert not {name for name in names[Lorenz63] if name.startswith("skill_")}
    asked = Experiment(task=Lorenz63(), model=GRU(hidden=2), evaluation=Evaluation(metrics=["skill_linear"]))
    assert list(measurement(asked, canonical(asked)).metrics) == ["skill_linear"]


def test_a_season_by_default_is_no_part_of_the_identity_of_a_run():
    assert "season" not in canonical(Experiment(task=Sunspots(), model=GRU(hidden=2)))["task"]
    assert Sunspots().season_steps() == 11
    assert Sunspots(season=0).season_steps() is None
