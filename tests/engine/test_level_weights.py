"""Weights of the loss by time level: a mean over weights that follow the schedule from the release on, in training alone."""

from __future__ import annotations

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.level_weights import Levels, level_weights
from freerun.config.run_identity import canonical, from_canonical
from freerun.config.training_settings import Training
from freerun.engine import replicas
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.parts.feedback.sample import Sample
from freerun.parts.models.gru import GRU
from freerun.parts.models.sequence_to_one import SequenceToOne
from freerun.parts.objectives.policy_gradient import PolicyGradient
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.tasks.adding import Adding
from freerun.parts.tasks.embedded_reber import EmbeddedReber
from freerun.parts.tasks.lorenz63 import Lorenz63

WORLDS = {
    "values, of one length": (Lorenz63(sequences=8, length=7, transient=0.0), 2),
    "symbols, of several": (EmbeddedReber(sequences=40, length=14), 0),
}
SETTINGS = {
    "constant": ({}, lambda k, last: 1.0),
    "geometric, falling": ({"levels": Levels.geometric, "level_ratio": 0.5}, lambda k, last: 0.5**k),
    "geometric, rising": ({"levels": Levels.geometric, "level_ratio": 2.0}, lambda k, last: 2.0**k),
    "ramp": ({"levels": Levels.ramp}, lambda k, last: k + 1.0),
    "last": ({"levels": Levels.last}, lambda k, last: float(last)),
}


def experiment(world, settings, **parts):
    task, warmup = WORLDS[world]
    return Experiment(
        task=task, model=GRU(hidden=3), regime=FreeRunning(), dtype="float64",
        training=Training(updates=2, batch=6, **settings),
        evaluation=Evaluation(warmup=warmup, horizon=task.length - warmup), **parts,
    )  # fmt: skip


def off(world, settings, weight):
    """How far the shares of a lesson are from weights written step by step, and those of the validation from even ones."""
    chosen = experiment(world, settings)
    group = Group([chosen], {0: chosen.task.build(0, chosen.task.length)})
    lesson = Lessons(group).give(0, group.weights(), {})
    counts, wanted = lesson.sequences.weights[:, 0], torch.zeros(chosen.task.length, 6).double()
    even = torch.zeros_like(wanted)
    for b in range(6):
        charged = [t for t in range(WORLDS[world][1], len(counts)) if counts[t, b] > 0]
        for t in charged:
            wanted[t, b] = weight(t - WORLDS[world][1], t == charged[-1])
            even[t, b] = 1
    gaps = (
        (lesson.shares[:, 0] - wanted / wanted.sum()).abs().max(),
        (group.shares(lesson.sequences)[:, 0] - even / even.sum()).abs().max(),
    )
    return float(max(gaps))


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("world", WORLDS)
def test_the_loss_is_the_mean_over_the_weights_of_its_levels(world, case):
    assert off(world, *SETTINGS[case]) < 1e-15


@pytest.mark.parametrize("case", [case for case in SETTINGS if case.startswith(("geometric", "ramp"))])
def test_levels_that_are_counted_from_the_first_step_of_the_sequence_are_seen(case, monkeypatch):
    def counted_from_the_start(levels, ratio, count):
        return (
            level_weights(levels, ratio, count + 1)[1:] if levels is Levels.ramp else level_weights(levels, ratio, count)[::-1]
        )

    monkeypatch.setattr(replicas, "level_weights", counted_from_the_start)
    assert off("values, of one length", *SETTINGS[case]) > 1e-3


def test_a_long_rising_series_stays_finite():
    assert level_weights(Levels.geometric, 100.0, 500)[-1] == 1.0
    assert level_weights(Levels.geometric, 0.01, 500)[0] == 1.0


def test_by_default_a_run_is_what_it_was():
    """The setting is no part of an identity unless it changes something."""
    plain, ramp = (canonical(experiment("values, of one length", SETTINGS[case][0])) for case in ("constant", "ramp"))
    assert not {"levels", "level_ratio"} & plain["training"].keys()
    assert ramp["training"]["levels"] == "ramp"
    assert from_canonical(ramp).training.levels is Levels.ramp


@pytest.mark.parametrize(
    "settings",
    [
        {"levels": Levels.geometric},
        {"levels": Levels.geometric, "level_ratio": 0.0},
        {"levels": Levels.ramp, "level_ratio": 0.5},
    ],
    ids=repr,
)
def test_a_ratio_without_a_meaning_is_refused(settings):
    with pytest.raises(ConfigError, match=r"level_ratio must (lie|be left out)"):
        Training(**settings)


def test_where_there_are_no_levels_they_are_refused():
    with pytest.raises(ConfigError, match="one target at the end"):
        Experiment(task=Adding(sequences=8, length=5), model=SequenceToOne(hidden=3), training=Training(levels=Levels.last))
    with pytest.raises(ConfigError, match=r"leave training\.levels out"):
        experiment(
            "symbols, of several", {"levels": Levels.ramp}, objective=PolicyGradient(), feedback=Sample(), gradient="stop"
        )
