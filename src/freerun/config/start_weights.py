"""Start of a training from the weights of another run: whose they are, and whether they fit.

Teacher forcing first and the closed loop after it is how models of the weather are trained (Lam et al. 2023, "Learning skillful
medium-range global weather forecasting"). Each stage is a run of its own: its updates, its
schedules and its curves begin at 0, its optimiser has no moments yet, and so has a critic, if its objective trains one; only
the weights of the model are those of the run before. These were learnt for one architecture, one alphabet, one scaling of
values and one precision, so all of these have to be the same; the regime, the objective, the rate and all else may be others,
and so may what a model marks as `OF_TRAINING`: dropout, and the ring in which the eigenvalues of an `lru` are drawn.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Protocol

from freerun.config.training_settings import Training
from freerun.deferred_imports import torch
from freerun.errors import ConfigError, given
from freerun.parts import registry
from freerun.parts.earlier_run import EarlierRun, earlier_run
from freerun.parts.feedback import Feedback
from freerun.parts.models import Model
from freerun.parts.objectives import Objective
from freerun.parts.part_source import source_of
from freerun.parts.tasks import Task

KEY = "training.start"


class Experiment(Protocol):
    """What is checked: an experiment whose parts are all chosen (`freerun.config.experiment`)."""

    task: Task
    model: Model
    feedback: Feedback | None
    objective: Objective | None
    training: Training
    seed: int
    dtype: str


def start_of(training: Training) -> EarlierRun | None:
    """Return the run with whose weights a training begins; None where these are drawn.

    Raises:
        ConfigError: if there is no such run, or it cannot be used.
    """
    return None if training.start is None else earlier_run(KEY, training.start)


def digests(training: Training) -> dict[str, str]:
    """Return by what the start is known beside its name; {} where weights are drawn.

    `content` is the digest of its weights, `recipe` says how it was trained, whatever its seed: regime, updates and the digest
    of the whole setting. Runs that were started by one recipe, each from a run of its own seed, are of one condition.
    """
    start = start_of(training)
    if start is None:
        return {}
    tree = {**start.tree, "seed": None, "training": {**start.tree["training"]}}
    for name in ("start", "content"):  # of which the recipe speaks
        tree["training"].pop(name, None)
    whole = hashlib.sha256(json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    settings = start.tree["training"]
    updates = settings["updates"] if settings.get("stop") is None else settings["stop"]
    return {"content": start.content, "recipe": f"{start.tree['regime']['name']} {updates} {whole[:8]}"}


def demand_unchanged(training: Training, tree: Mapping[str, Any]) -> None:
    """Refuse a start whose weights are not those that a run was planned with.

    Args:
        tree: the canonical experiment of the run.

    Raises:
        ConfigError: if they are others, or are there no more.
    """
    planned = {name: tree["training"][name] for name in ("content", "recipe") if name in tree["training"]}
    if digests(training) != planned:
        raise ConfigError(f"{KEY}={_shown(training)}: its weights have changed since this run was planned")


def check(experiment: Experiment) -> None:
    """Refuse a start whose weights do not fit.

    Raises:
        ConfigError: in one line that says what differs.
    """
    start = start_of(experiment.training)
    if start is None:
        return
    if differs := _differs(start, experiment):
        raise ConfigError(f"{KEY}={_shown(experiment.training)}: {differs}")


def _shown(training: Training) -> str:
    return given(training.start)[-60:]


def _differs(start: EarlierRun, experiment: Experiment) -> str | None:
    """Return in what a start differs from what an experiment needs, as a sentence without its beginning; None in nothing."""
    if differs := _model_differs(start.model, experiment.model):
        return differs
    if start.dtype != experiment.dtype:
        return f"its weights are {start.dtype}, not {experiment.dtype}"
    if start.head != (head := given(experiment.objective).head):
        wide, told = ("distributions of values", "values") if start.head is not None else ("values", "distributions of values")
        return f"it predicts {wide}, not {told if head is None or start.head is None else 'these distributions'}"
    if start.feedback.silent != given(experiment.feedback).silent:
        return f"it has feedback={registry.name_of(start.feedback)}, and reads another input"
    if start.differs(experiment.task) is None and start.seed == experiment.seed and start.task == experiment.task:
        return None
    return _units_differ(start, experiment)


def _model_differs(own: Model, other: Model) -> str | None:
    name, wanted = registry.name_of(own), registry.name_of(other)
    if type(own) is not type(other):
        return f"its model is {name}, not {wanted}"
    for item in fields(own):
        held, asked = getattr(own, item.name), getattr(other, item.name)
        if held != asked and not item.metadata.get("of_training"):
            return f"its model has model.{item.name}={getattr(held, 'value', held)}, not {getattr(asked, 'value', asked)}"
    return None


def _units_differ(start: EarlierRun, experiment: Experiment) -> str | None:
    """Return how the alphabet or the scaling differs: of another task, or of other data of the same one."""
    if (start.files["data"], start.files["source"]) != (start.task.content(), source_of(start.task)):
        return "the data of its task have changed since it was trained"
    name = registry.name_of(start.task)
    if start.task.symbols != experiment.task.symbols:
        kinds = ("symbols", "values") if start.task.symbols else ("values", "symbols")
        return f"its task {name} has {kinds[0]}, not {kinds[1]}"
    own, other = _units(start.task, start.seed), _units(experiment.task, experiment.seed)
    if own["outputs"] != other["outputs"]:
        what = "symbols" if start.task.symbols else "values"
        return f"its task {name} has {own['outputs']} {what}, not {other['outputs']}"
    if own["inputs"] != other["inputs"]:
        return f"its task {name} has {own['inputs']} inputs, not {other['inputs']}"
    if own["alphabet"] != other["alphabet"]:
        return f"it was trained on another alphabet of task {name}"
    predicted = ["values" if units["residual"] is None else "increments" for units in (own, other)]
    if predicted[0] != predicted[1]:
        return f"it predicts {predicted[0]}, not {predicted[1]}"
    if all(_same(own[key], other[key]) for key in ("mean", "std", "residual")):
        return None
    alike = start.differs(experiment.task) is None and start.seed != experiment.seed
    remedy = f"; choose seed={start.seed}, or a run of seed {experiment.seed}" if alike else ""
    return f"its values are scaled by other data (task {name}, seed {start.seed}){remedy}"


#: Units of worlds by the text of their task, the digest of its data and the seed; to build a world takes seconds.
_known: dict[tuple[str, str | None, int], dict[str, Any]] = {}


def _units(task: Task, seed: int) -> dict[str, Any]:
    """Return in what units a world is told: widths, alphabet and scaling."""
    key = repr(task), task.content(), seed
    if key not in _known:
        data = task.build(seed, task.length)
        _known[key] = {name: getattr(data, name) for name in ("inputs", "outputs", "alphabet", "mean", "std", "residual")}
    return _known[key]


def _same(own: Any, other: Any) -> bool:
    if own is None or other is None:
        return own is other
    return bool(torch.equal(own, other))
