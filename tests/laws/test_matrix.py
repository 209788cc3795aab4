"""Does every combination of model, regime, feedback, gradient and task run two updates, or say in one line why not?"""

from __future__ import annotations

import copy
import itertools

import pytest

from freerun import catalog, training
from freerun.config import Evaluation, Experiment, Training
from freerun.errors import ConfigError
from freerun.evaluation import evaluate
from freerun.group import Group
from freerun.grouping import groups, plan
from freerun.laws import small
from freerun.regimes.generalized_forcing import Alpha, GeneralizedForcing
from freerun.tasks.lorenz63 import Lorenz63
from freerun.tasks.path_star import PathStar


def tiny(cls):
    """A task of 6 steps, or of as few as it can have."""
    try:
        return small(cls, sequences=8, trajectories=4, length=6, blanks=2, arms=2)
    except ValueError:
        return small(cls, sequences=8, trajectories=4, blanks=2, arms=2)


TASKS = {
    **{name: tiny(cls) for name, cls in catalog.parts("task").items()},
    "lorenz63 increment": small(Lorenz63, sequences=8, length=6, predict="increment"),
    "path_star teacherless": small(PathStar, sequences=8, form="teacherless"),
}
MODELS = {name: small(cls, hidden=2) for name, cls in catalog.parts("model").items()}
REGIMES = {
    **{name: cls() for name, cls in catalog.parts("regime").items()},
    "adaptive forcing": GeneralizedForcing(mode=Alpha.adaptive, every=1),
}
RULES = {name: cls() for name, cls in catalog.parts("feedback").items()}
GRADIENTS = ("through", "stop", "every 2")
PAIRS = list(itertools.product(TASKS, MODELS))


def cell(task: str, model: str) -> tuple[dict[tuple[str, str, str], Experiment], dict[tuple[str, str, str], str]]:
    """All that can be run on one task with one model, and why the rest cannot."""
    runs, refused = {}, {}
    world = TASKS[task]
    for key in itertools.product(RULES, GRADIENTS, REGIMES):
        rule, gradient, regime = key
        try:
            runs[key] = Experiment(
                task=copy.copy(world), model=MODELS[model], regime=REGIMES[regime], feedback=RULES[rule], gradient=gradient,
                training=Training(updates=2, batch=2, log_every=1), evaluation=_evaluation(task),
            )  # fmt: skip
        except ConfigError as fault:
            refused[key] = str(fault)
    return runs, refused


def _evaluation(task: str) -> Evaluation:
    world = TASKS[task]
    usual = world.emits == "each" and world.length == 6
    return Evaluation(sequences=2, warmup=2, horizon=4) if usual else Evaluation(sequences=2)


_worlds: dict[str, dict] = {}


def world_of(task: str, experiment: Experiment) -> dict:
    if task not in _worlds:
        _worlds[task] = {0: experiment.task.build(0, max(experiment.task.length, sum(experiment.span)))}
    return _worlds[task]


def _nothing(group):
    return {}


@pytest.fixture(autouse=True)
def short_orbits(monkeypatch):
    """As long as they must be and no longer: what they show is of no interest here."""
    for task in {type(task) for task in TASKS.values() if task.continues}:
        monkeypatch.setattr(task, "default_orbit", 100)


@pytest.mark.parametrize(("task", "model"), PAIRS, ids=lambda x: x.replace(" ", "_"))
def test_every_combination_runs_two_updates_or_is_refused(task, model, monkeypatch):
    runs, refused = cell(task, model)
    for key, text in refused.items():
        assert "\n" not in text, f"{key}: {text!r}"
        assert len(text) <= 200, f"{key}: {text!r}"
        assert "choose" in text or "leave" in text, f"{key}: no remedy in {text!r}"
    assert runs or all(text.startswith("model=") for text in refused.values())
    measured, looked = set(), training.validation
    for planned in groups(plan(list(runs.values())), 64):
        group = Group([run.experiment for run in planned], world_of(task, planned[0].experiment))
        silent = group.feedback.silent
        # looking costs more than two updates: once with a feed and once without
        monkeypatch.setattr(training, "validation", _nothing if silent in measured else looked)
        for outcome, run in zip(training.train(group), planned, strict=True):
            assert outcome.broke is None, f"{run.experiment} broke: {outcome.broke}"
            assert {(p.update, p.quantity) for p in outcome.curves} >= {(i, "loss") for i in (0, 1)}
        if silent not in measured:
            measured.add(silent)
            for found in evaluate(group):
                assert {(s.split, s.mode) for s in found.series} >= {
                    (a, b) for a in ("train", "test") for b in ("forced", "free")
                }


def test_the_matrix_is_whole():
    """Every part is somewhere run and, where it has limits, somewhere refused."""
    ran: set[str] = set()
    for task, model in PAIRS:
        runs, refused = cell(task, model)
        assert len(runs) + len(refused) == len(RULES) * len(GRADIENTS) * len(REGIMES)
        for key in runs:
            ran |= {task, model, *key}
    assert ran == {*TASKS, *MODELS, *RULES, *GRADIENTS, *REGIMES}
