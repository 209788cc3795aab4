"""Tests of parts by name, and of the short form of an experiment: what `repr` shows makes the same experiment."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from dataclasses import replace

import pytest

import freerun
from freerun import GRU, Evaluation, Experiment, Lorenz63, ScheduledSampling, TeacherForcing, Training
from freerun.config import presets
from freerun.config.hydra import compose
from freerun.config.named_parts import part
from freerun.config.run_identity import canonical
from freerun.errors import ConfigError
from freerun.parts import plugins, registry
from freerun.parts.objectives.distillation import Distillation
from freerun.parts.regimes._schedule import Schedule
from tiers import tiered


def test_a_name_stands_for_the_part_with_its_default_settings():
    named = Experiment(task="lorenz63", model="gru", regime="teacher_forcing", feedback="mean", objective="squared_error")
    assert named == Experiment(task=Lorenz63(), model=GRU(), regime=TeacherForcing())
    assert Experiment(task="lorenz63", model="gru", regime="scheduled_sampling_rising").regime == ScheduledSampling(
        start=0, end=1
    )


@pytest.mark.parametrize("kind", tiered(["task", "regime", "objective"], lambda kind: kind == "objective"))
def test_a_preset_is_what_the_command_line_makes_of_it(kind):
    for name in presets.presets(kind):
        (composed,) = compose.experiments([f"{kind}={name}", "task=lorenz63"][: 1 if kind == "task" else 2], sweep=False)
        assert part(kind, name) == getattr(composed, kind)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "gruu"}, "model=gruu: unknown model; did you mean 'gru'?"),
        ({"model": "lorenz63"}, "model=lorenz63: unknown model; lorenz63 is one of another kind: task=lorenz63"),
        ({"model": GRU}, "model=GRU: is a class; GRU() is one with its default settings"),
        ({"model": Lorenz63()}, "model must be a model or the name of one, got Lorenz63("),
        ({"regime": None}, "regime must be a regime or the name of one, got None"),
        ({"task": "series"}, "task=series: has settings without a default; write Series(path=...)"),
    ],
)
def test_what_is_no_part_is_said_in_one_line(given, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        Experiment(**{"task": "lorenz63", "model": "gru", **given})


@pytest.mark.parametrize(
    "experiment",
    [
        Experiment(task="lorenz63", model="gru"),
        Experiment(task=Lorenz63(predict="increment"), model=GRU(hidden=3), regime="free_running", seed=4, dtype="float64"),
        Experiment(task=Lorenz63(length=20), model="gru", evaluation=Evaluation(warmup=3)),
        Experiment(task="hidden_markov", model="lstm", feedback="argmax", training=Training(decay="step", decay_every=5)),
        Experiment(task="path_star_reversed", model="transformer", gradient="stop", evaluation=Evaluation(metrics=["loss"])),
        Experiment(task="adding", model="sequence_to_one"),
    ],
    ids=lambda experiment: type(experiment.task).__name__,
)
def test_what_is_shown_makes_the_same_experiment(experiment):
    again = eval(repr(experiment), {name: getattr(freerun, name) for name in freerun.__all__})
    assert canonical(again) == canonical(experiment)
    assert len(repr(experiment)) < 200


def test_what_is_by_default_is_not_shown():
    assert repr(Experiment(task="lorenz63", model="gru")) == "Experiment(task=Lorenz63(), model=GRU(), regime=TeacherForcing())"
    shown = Experiment(task=Lorenz63(length=30), model="gru", seed=1)._repr_html_()
    assert "Lorenz63(length=30)" in shown
    assert "evaluation" not in shown


@pytest.mark.parametrize(
    ("node", "settings", "words"),
    [
        (Training, {"bacth": 3}, "training.bacth: unknown key; did you mean 'batch'?"),
        (Training, {"batch": "x"}, "training.batch must be a whole number, got 'x'"),
        (Training, {"gradient_norms": 3}, "training.gradient_norms must be true or false, got 3"),
        (Training, {"updates": -1}, "training.updates must not be negative, got -1"),
        (Evaluation, {"distances": 3}, "evaluation.distances must be true or false, got 3"),
        (Experiment, {"sed": 3}, "sed: unknown key; did you mean 'seed'?"),
        (Experiment, {"lr": 0.1}, "lr: is a setting of training; give it as training=Training(lr=...)"),
        (Experiment, {"horizon": 9}, "horizon: is a setting of evaluation; give it as evaluation=Evaluation(horizon=...)"),
        (Experiment, {"task": "lorenz63"}, "Experiment: model is missing; give it as model=..."),
        (Experiment, {"task": "lorenz63", "model": "gru", "training": 3}, "training must be Training(...), got 3"),
    ],
)
def test_a_node_made_by_hand_is_refused_as_on_the_command_line(node, settings, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        node(**settings)


PLUGIN = """
from dataclasses import dataclass
from freerun.parts.regimes.scheduled_sampling import ScheduledSampling

@dataclass(kw_only=True)
class Mine(ScheduledSampling):
    strength: float = 0.5
"""


@pytest.mark.parametrize(
    ("kind", "name", "settings", "words"),
    [
        ("task", "lorenz63", {"sequnces": 3}, "task.sequnces: unknown key; did you mean 'sequences'?"),
        ("task", "series", {}, "Series: path is missing; give it as path=..."),
        ("model", "gru", {"hiden": 3}, "model.hiden: unknown key; did you mean 'hidden'?"),
        ("model", "gru", {"hidden": "x"}, "model.hidden must be a whole number, got 'x'"),
        ("model", "gru", {"hidden": 0}, "model.hidden must be at least 1, got 0"),
        ("regime", "scheduled_sampling", {"ende": 1}, "regime.ende: unknown key; did you mean 'end'?"),
        ("regime", "scheduled_sampling", {"coin": "stp"}, "regime.coin=stp: unknown coin; did you mean 'step'?"),
        ("regime", "mine", {"end": 2}, "regime.end must lie in [0, 1], got 2.0"),
        ("regime", "mine", {"strenght": 1}, "regime.strenght: unknown key; did you mean 'strength'?"),
        ("feedback", "gumbel", {"temprature": 1}, "feedback.temprature: unknown key; did you mean 'temperature'?"),
        ("objective", "huber", {"dleta": 1}, "objective.dleta: unknown key; did you mean 'delta'?"),
        ("metric", "valid_time", {"threshld": 1}, "metric.threshld: unknown key; did you mean 'threshold'?"),
    ],
)
def test_a_part_made_by_hand_is_refused_as_on_the_command_line(kind, name, settings, words, tmp_path, monkeypatch):
    monkeypatch.setitem(registry.plugin_parts, "regime", {})
    (tmp_path / "mine.py").write_text(PLUGIN)
    plugins.load_plugin(str(tmp_path / "mine.py"))
    with pytest.raises(ConfigError, match=f"^{re.escape(words)}$"):
        registry.get(kind, name)(**settings)


def test_a_part_made_by_hand_is_of_the_declared_types_and_can_be_copied():
    part = ScheduledSampling(schedule="constant", start=1, end=0)
    assert part == ScheduledSampling(schedule=Schedule.constant, start=1.0, end=0.0)
    for again in (pickle.loads(pickle.dumps(part)), copy.deepcopy(part), replace(part)):
        assert again == part
    assert pickle.loads(pickle.dumps(Distillation(teacher="a"))) == Distillation(teacher="a")
    with pytest.raises(ConfigError, match=r"^regime.strat: unknown key; did you mean 'start'\?$"):
        replace(part, strat=0.5)
    with pytest.raises(ConfigError, match=r"^GRU\(3\): settings are given by name, as hidden=VALUE$"):
        GRU(3)
    assert list(inspect.signature(GRU).parameters) == ["hidden", "layers", "dropout"]


def test_a_class_with_an_init_of_its_own_is_called_as_it_says():
    class Own(GRU):
        def __init__(self, width):
            super().__init__(hidden=width)

    assert Own(3).hidden == 3


def test_settings_have_names():
    with pytest.raises(ConfigError, match=r"Training\(100\): settings are given by name, as updates=VALUE"):
        Training(100)
