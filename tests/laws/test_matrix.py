"""Matrix of model, regime, feedback, gradient, objective and task: each combination runs two updates or is refused in a line.

Tasks that differ in nothing but their numbers share the combinations out among them, as far as all of these are tried on one of
their kind with every model; on one task with every model, and with one model on every task, all are.
"""

from __future__ import annotations

import copy
import functools
import itertools

import jaxtyping
import pytest

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine import training
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.execution.grouping import groups
from freerun.execution.planned_run import plan
from freerun.laws.toolkit import small, teacher_file
from freerun.measurement.evaluation import evaluate
from freerun.parts import registry
from freerun.parts.objectives.distillation import Distillation
from freerun.parts.objectives.exact_expert import ExactExpert
from freerun.parts.objectives.gaussian_likelihood import GaussianLikelihood
from freerun.parts.regimes.generalized_forcing import Alpha, GeneralizedForcing
from freerun.parts.settings import normalised
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.path_star import PathStar
from tiers import tiered

#: The first is forced; of those that are fed, one is where the gradient is cut at every second step, and one is not.
STEPS = 3


def tiny(cls):
    """A task of 3 steps, or of as few as it can have."""
    given = {"sequences": 8, "trajectories": 4, "blanks": 1, "arms": 2, "arm": 2, "nodes": 5}
    try:
        return small(cls, length=STEPS, **given)
    except ConfigError:
        return small(cls, **given)


TASKS = {
    **{name: tiny(cls) for name, cls in registry.parts("task").items()},
    "lorenz63 increment": small(Lorenz63, sequences=8, length=STEPS, predict="increment"),
    "path_star teacherless": small(PathStar, sequences=8, arms=2, arm=2, nodes=5, form="teacherless"),
}
MODELS = {name: small(cls, hidden=2) for name, cls in registry.parts("model").items()}
REGIMES = {
    **{name: cls() for name, cls in registry.parts("regime").items()},
    "adaptive forcing": GeneralizedForcing(mode=Alpha.adaptive, every=1),
}
RULES = {name: cls() for name, cls in registry.parts("feedback").items()}
GRADIENTS = ("through", "stop", "every 2")
#: The task's own objective with every gradient; those that ask an expert with the one that they all go with. None: a teacher.
OBJECTIVES = {
    "": None, "exact_expert": ExactExpert(), "distillation": None,
    "gaussian_likelihood": GaussianLikelihood(), "mixture": GaussianLikelihood(components=2),
}  # fmt: skip
WAYS = [
    *((gradient, "") for gradient in GRADIENTS), ("stop", "exact_expert"), ("stop", "distillation"),
    ("through", "gaussian_likelihood"), ("stop", "mixture"),
]  # fmt: skip
#: The tasks on which a teacher is trained; it knows no other.
TAUGHT = ("hidden_markov", "lorenz63")
#: What is measured takes longer than what is trained: every task is evaluated with one of these models, and every model on one
#: of these tasks; the first of each follow a long closed loop.
EVALUATED = {
    "model": ("gru", "sequence_to_one", "stencil"),
    "task": ("lorenz63 increment", "hidden_markov", "adding", "advection"),
}
PAIRS = list(itertools.product(TASKS, MODELS))


Key = tuple[str, str, str, str]


def objective(name: str, task: str):
    """An objective by name; the teacher of a task that has none is that of another."""
    if name != "distillation":
        return OBJECTIVES[name]
    return Distillation(teacher=teacher_file(task if task in TAUGHT else TAUGHT[0]), labels=0.5)


def combinations(dealt: int | None) -> list[Key]:
    """All combinations, or of each rule and way those with one regime, another for each number that is dealt."""
    known = itertools.product(enumerate(itertools.product(RULES, WAYS)), enumerate(REGIMES))
    return [
        (rule, gradient, regime, asked)
        for (number, (rule, (gradient, asked))), (place, regime) in known
        if dealt is None or (number + dealt - place) % len(REGIMES) == 0
    ]


def cell(task: str, model: str, dealt: int | None = None) -> tuple[dict[Key, Experiment], dict[Key, str]]:
    """All that can be run on one task with one model, and why the rest cannot."""
    runs, refused = {}, {}
    world = TASKS[task]
    for key in combinations(dealt):
        rule, gradient, regime, asked = key
        try:
            runs[key] = Experiment(
                task=copy.copy(world), model=MODELS[model], regime=REGIMES[regime], feedback=RULES[rule], gradient=gradient,
                objective=objective(asked, task),
                training=Training(updates=2, batch=2, log_every=1), evaluation=_evaluation(task, model),
            )  # fmt: skip
        except ConfigError as fault:
            refused[key] = str(fault)
    return runs, refused


def _evaluation(task: str, model: str) -> Evaluation:
    world = TASKS[task]
    orbit = None if task == EVALUATED["task"][0] or model == EVALUATED["model"][0] else 0
    warmup, horizon = (1, STEPS - 1) if usual(world) else (None, None)
    return Evaluation(sequences=2, warmup=warmup, horizon=horizon, orbit=orbit)


def usual(task) -> bool:
    """Whether a task has as few steps as others, each with its answer."""
    return task.emits == "each" and task.length == STEPS


_worlds: dict[str, dict] = {}


def world_of(task: str, experiment: Experiment) -> dict:
    if task not in _worlds:
        _worlds[task] = {0: experiment.task.build(0, max(experiment.task.length, sum(experiment.span)))}
    return _worlds[task]


@functools.cache
def kind(name: str) -> tuple:
    """All of a task that what is refused and the engine go by: tasks of a kind differ in their numbers alone."""
    task = normalised(copy.copy(TASKS[name]), "task")
    data = task.build(0, task.length)
    told = (
        "symbols", "emits", "field", "answers", "recording", "silent", "increments", "continues", "analytic", "remembers",
        "default_feedback", "default_objective",
    )  # fmt: skip
    oracle = None if data.oracle is None else hasattr(data.oracle, "from_step")
    length = None if usual(task) else task.length
    return *(getattr(task, word) for word in told), length, oracle, data.inputs > 0, data.splits["train"].ends is None


def first_of_its_kind(name: str) -> bool:
    """Whether its kind is tried with every model on no task before it; only tasks that look alike from afar are built."""
    before = [ALL_MODELS, *itertools.takewhile(name.__ne__, TASKS)]
    near = [other for other in before if (TASKS[other].symbols, TASKS[other].emits) == (TASKS[name].symbols, TASKS[name].emits)]
    return all(kind(other) != kind(name) for other in near)


def evaluated(task: str, model: str) -> bool:
    return model in EVALUATED["model"] or task in EVALUATED["task"]


#: The task on which every model is tried in `make test`, and the model that is tried on every task.
ALL_MODELS, ALL_TASKS = "hidden_markov", "gru"


def covers(pair: tuple[str, str]) -> bool:
    """Whether a pair is among the few that have every task, and every model, once; fields and single answers their own."""
    task, model = pair
    return model == ALL_TASKS or task == ALL_MODELS or pair in {("adding", "sequence_to_one"), ("advection", "stencil")}


def _nothing(group, gauge):
    return {}


@pytest.fixture(autouse=True)
def short_orbits(monkeypatch):
    """As long as they must be and no longer: what they show is of no interest here."""
    for task in {type(task) for task in TASKS.values() if task.continues}:
        monkeypatch.setattr(task, "default_orbit", 100)


@pytest.mark.parametrize(("task", "model"), tiered(PAIRS, quick=covers), ids=lambda x: x.replace(" ", "_"))
def test_every_combination_runs_two_updates_or_is_refused(task, model, monkeypatch):
    whole = covers((task, model)) or first_of_its_kind(task)
    runs, refused = cell(task, model, None if whole else PAIRS.index((task, model)))
    for key, text in refused.items():
        assert "\n" not in text, f"{key}: {text!r}"
        assert len(text) <= 300, f"{key}: {text!r}"
        assert "choose" in text or "leave" in text, f"{key}: no remedy in {text!r}"
    assert runs or not whole or all(text.startswith("model=") for text in refused.values())
    measured, checked, looked = set(), set(), training.validated
    for planned in groups(plan(list(runs.values())), 64):
        group = Group([run.experiment for run in planned], world_of(task, planned[0].experiment))
        silent = group.feedback.silent, group.objective.head is not None
        # to check shapes costs as much as the update: once for every way through the engine
        way = (silent, repr(planned[0].experiment.regime), type(group.objective))
        monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", way in checked)
        checked.add(way)
        look = evaluated(task, model) and silent not in measured
        monkeypatch.setattr(training, "validated", looked if look else _nothing)
        for outcome, run in zip(training.train(group), planned, strict=True):
            assert outcome.broke is None, f"{run.experiment} broke: {outcome.broke}"
            assert {(p.update, p.quantity) for p in outcome.curves} >= {(i, "loss") for i in (0, 1)}
        if look:
            measured.add(silent)
            for found in evaluate(group):
                assert {(s.split, s.mode) for s in found.series} >= {
                    (a, b) for a in ("train", "test") for b in ("forced", "free")
                }


def test_what_is_dealt_out_is_every_combination_once():
    dealt = [combinations(number) for number in range(len(REGIMES))]
    assert sorted(itertools.chain(*dealt)) == sorted(combinations(None))
    for keys in dealt:
        assert {key[0] for key in keys} == {*RULES}
        assert {key[2] for key in keys} == {*REGIMES}
        assert {key[1::2] for key in keys} == {*WAYS}


def test_the_matrix_is_whole():
    """Every part is somewhere run, every task and model somewhere evaluated."""
    wanted, ran = {*TASKS, *MODELS, *RULES, *GRADIENTS, *REGIMES, *OBJECTIVES}, set()
    dealt = [(number, *pair) for number, pair in enumerate(PAIRS)]
    for number, task, model in [*dealt, *((None, *pair) for pair in PAIRS)]:  # all combinations where few are not refused
        if {task, model} <= ran or not evaluated(task, model):
            continue
        runs, refused = cell(task, model, number)
        assert len(runs) + len(refused) == len(combinations(number))
        for key in runs:
            ran |= {task, model, *key}
    assert ran == wanted
