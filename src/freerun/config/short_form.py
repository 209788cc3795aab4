"""Short form of an experiment, as Python would make it: task, model and regime, and of all else what is not by default."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from freerun.config import compatibility
from freerun.config.evaluation_settings import Evaluation
from freerun.config.training_settings import Training
from freerun.errors import ConfigError, given
from freerun.parts import registry
from freerun.parts.settings import build


def settings(experiment: Any) -> dict[str, str]:
    """Return the keys of an experiment that are worth saying, each with the text of its value."""
    usual = _usual(experiment)
    values = {item.name: getattr(experiment, item.name) for item in fields(experiment)}
    return {
        key: said(value, usual.get(key))
        for key, value in values.items()
        if key in ("task", "model", "regime") or value != usual[key]
    }


def said(value: Any, usual: Any = None) -> str:
    """Return a value in the words of Python; of a dataclass the fields that are other than usual.

    Args:
        usual: the same with what is usual; None for that with its defaults.
    """
    if isinstance(value, Enum):
        return repr(value.value)
    if not is_dataclass(value) or isinstance(value, type):
        return repr(value)
    if usual is None:
        with suppress(ConfigError, ValueError, TypeError):  # of a class that has settings without a default
            usual = build(type(value), type(value).__name__, {})
    own = {item.name: getattr(value, item.name) for item in fields(value)}
    kept = {name: each for name, each in own.items() if usual is None or each != getattr(usual, name)}
    return f"{type(value).__name__}({', '.join(f'{name}={said(each)}' for name, each in kept.items())})"


def _usual(experiment: Any) -> dict[str, Any]:
    """Return what an experiment of this task, model and regime has where nothing else is said."""
    task, model = experiment.task, experiment.model
    silent = model.emits == "last" or task.silent
    feedback = registry.get("feedback", "none" if silent else task.default_feedback)()
    fed, own = given(experiment.feedback), experiment.evaluation.warmup
    try:
        evaluation = compatibility.resolved_evaluation(task, model, fed, Evaluation())
    except ConfigError:  # of a warm-up that does not go with the length of the task
        evaluation = replace(compatibility.resolved_evaluation(task, model, fed, Evaluation(warmup=own)), warmup=None)
    return {
        "feedback": feedback, "objective": registry.get("objective", task.default_objective)(), "gradient": "through",
        "training": Training(), "evaluation": evaluation, "seed": 0, "device": "cpu", "dtype": "float32",
    }  # fmt: skip
