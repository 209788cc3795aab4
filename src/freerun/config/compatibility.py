"""Compatibility of the parts of an experiment: what does not fit is refused in one line, before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from freerun.config.level_weights import Levels
from freerun.errors import ConfigError, given
from freerun.io.suggestions import nearest
from freerun.parts import registry

if TYPE_CHECKING:
    from freerun.config.evaluation_settings import Evaluation
    from freerun.config.training_settings import Training
    from freerun.parts.feedback import Feedback
    from freerun.parts.models import Model
    from freerun.parts.objectives import Objective
    from freerun.parts.regimes import Regime
    from freerun.parts.tasks import Task

DEVICES = ("cpu", "cuda")
DTYPES = ("float32", "float64")


class Experiment(Protocol):
    """What is checked: an experiment whose parts are all chosen (`freerun.config.experiment`)."""

    task: Task
    model: Model
    feedback: Feedback | None
    objective: Objective | None
    regime: Regime
    training: Training
    gradient: str
    device: str
    dtype: str

    @property
    def span(self) -> tuple[int, int]:
        """(warmup, horizon), resolved."""


def resolved_evaluation(task: Task, model: Model, feedback: Feedback, evaluation: Evaluation) -> Evaluation:
    """Return the evaluation with the task's own warm-up, horizon and orbit where none is given.

    Raises:
        ConfigError: if the first two do not go with the task's length, or the third with the task.
    """
    length, warmup = task.length, evaluation.warmup
    if length < 1:
        raise ConfigError(f"task.length must be at least 1, got {length}")
    if warmup is None:
        warmup = task.own_warmup
    if warmup >= length:
        raise ConfigError(
            f"evaluation.warmup must be smaller than task.length ({length}), got {warmup}"
            + ("" if evaluation.warmup is not None else ", the default of this task; set it")
        )
    horizon = evaluation.horizon or task.default_horizon or length - warmup
    if task.emits == "last" and (warmup, horizon) != (0, length):
        name = registry.name_of(task)
        raise ConfigError(f"evaluation.warmup and horizon have no meaning for task {name}; leave them out")
    if evaluation.distances and feedback.silent:
        raise ConfigError(
            "evaluation.distances=true: nothing is fed back, so that evaluation feeds the model as training did; leave it out"
        )
    orbit = evaluation.orbit
    if orbit is None:
        orbit = 0 if model.remembers_all or model.deaf or feedback.silent else task.own_orbit(warmup)
    if orbit and feedback.silent:
        raise ConfigError(f"evaluation.orbit={orbit}: nothing is fed back, so that no loop is closed; leave it out")
    if orbit and model.deaf:
        name = registry.name_of(model)
        raise ConfigError(f"evaluation.orbit={orbit}: model {name} reads no feedback, so that no loop is closed; leave it out")
    if orbit and (fault := task.orbit_fault(warmup, orbit)):
        raise ConfigError(f"evaluation.orbit={orbit}: task {registry.name_of(task)} {fault}; leave it out")
    return replace(evaluation, warmup=warmup, horizon=horizon, orbit=orbit)


def idle_cut(every: int, feedback: Feedback, regime: Regime | None, truncate: int | None, length: int) -> str | None:
    """Return why cutting the gradient through the feedback changes nothing, in a few words; None if it changes something.

    Args:
        every: at which steps it is cut, as `gradient_cut` says; 0 for none.
        regime: what it feeds is all that a gradient can run through; None where there is no gradient, or a rollout beside it.
    """
    if every and not feedback.carries:
        return f"feedback={registry.name_of(feedback)} carries no gradient"
    if every and truncate and every % truncate == 0:
        return f"training.truncate={truncate} cuts it {'at every step' if truncate == 1 else 'there'}"
    if every > 1 and every >= length:
        return f"a sequence has only {length} steps"
    if every and regime is not None and regime.feeder().forced:
        return f"in training regime={registry.name_of(regime)} feeds the truth alone"
    return None


def check(experiment: Experiment) -> None:
    """Refuse parts that do not go together.

    Raises:
        ConfigError: naming the key, the value and what can be chosen instead.
    """
    experiment.task.check(max(experiment.task.length, sum(experiment.span)))
    _check_model(experiment)
    _check_feedback(experiment)
    _check_objective(experiment)
    _check_head(experiment)
    _check_levels(experiment)
    _check_window(experiment)
    for kind in ("regime", "objective"):
        part = getattr(experiment, kind)
        if reason := part.misfit(experiment):
            raise ConfigError(f"{kind}={registry.name_of(part)}: {reason}")
    for key, choices in (("device", DEVICES), ("dtype", DTYPES)):
        value = getattr(experiment, key)
        if value not in choices:
            raise ConfigError(f"{key}={value}: unknown {key}; {nearest(value, choices)}")
    if experiment.device == "cuda":
        from freerun.deferred_imports import torch

        if not torch.cuda.is_available():
            raise ConfigError("device=cuda: this machine shows no CUDA device to torch; choose device=cpu")


def _check_model(experiment: Experiment) -> None:
    task, model = experiment.task, experiment.model
    if task.emits != model.emits:
        targets = "one target at the end of a sequence" if task.emits == "last" else "a target at every step"
        reason = f"task {registry.name_of(task)} has {targets}"
        raise _misfit("model", model, reason, lambda candidate: candidate.emits == task.emits and not candidate.for_fields)
    if task.silent and (model.memoryless or model.needs_feedback):
        reason = f"task {registry.name_of(task)} feeds nothing back with these settings"

        def runs_in_silence(candidate: type[Model]) -> bool:
            needs_feeds = candidate.memoryless or candidate.needs_feedback or candidate.for_fields
            return candidate.emits == task.emits and not needs_feeds

        raise _misfit("model", model, reason, runs_in_silence)
    if model.for_fields and not task.field:
        reason = f"the values of task {registry.name_of(task)} are no field on a ring of points"
        raise _misfit("model", model, reason, lambda candidate: candidate.emits == task.emits and not candidate.for_fields)
    if model.reads > task.length:
        name, fed = registry.name_of(model), f"a sequence has only {task.length} (task.length)"
        raise ConfigError(f"model={name}: it reads what was fed in the last {model.reads} steps, and {fed}; choose fewer")
    if model.releases and experiment.span[0] == 0:
        name = registry.name_of(model)
        raise ConfigError(f"model={name}: it answers from the warm-up, and there is none; choose evaluation.warmup=1 or more")
    if model.deaf and task.increments:
        name = registry.name_of(task)
        raise ConfigError(
            f"model={registry.name_of(model)}: task {name} adds the output to what was fed, which it does not read; choose "
            "task.predict=value"
        )
    if model.solves:
        _check_solved(experiment)


#: What a readout that is solved is told of training: how much it sees, and when the run says how it stands.
SOLVED_BY = ("updates", "batch", "log_every", "stop")


def _check_solved(experiment: Experiment) -> None:
    """Refuse what a readout that is solved by least squares would ignore."""
    task, model, training = experiment.task, registry.name_of(experiment.model), experiment.training
    if task.symbols:
        raise ConfigError(f"model={model}: its readout is solved for real values; choose a task of values, such as lorenz63")
    if (name := registry.name_of(given(experiment.objective))) != "squared_error":
        raise ConfigError(f"objective={name}: the readout of model={model} is solved by least squares; choose squared_error")
    if not experiment.regime.feeder().forced:
        name = registry.name_of(experiment.regime)
        raise ConfigError(f"regime={name}: the readout of model={model} is solved on the truth; choose regime=teacher_forcing")
    if experiment.gradient != "through":
        raise ConfigError(f"gradient={experiment.gradient}: model={model} is solved without a gradient; leave it out")
    for item in fields(training):
        value = getattr(training, item.name)
        if item.name not in SOLVED_BY and value != item.default:
            shown = value.value if isinstance(value, Enum) else value
            raise ConfigError(f"training.{item.name}={shown}: model={model} is solved without a gradient; leave it out")


def _check_feedback(experiment: Experiment) -> None:
    task, model, feedback = experiment.task, experiment.model, given(experiment.feedback)

    def fits(candidate: type[Feedback]) -> bool:
        if model.emits == "last" or task.silent:
            return candidate.silent
        drawn = candidate.for_distributions and given(experiment.objective).head is not None
        speaks = candidate.for_symbols if task.symbols else candidate.for_values or drawn
        return speaks and not (candidate.silent and (task.increments or model.memoryless or model.needs_feedback))

    if fits(type(feedback)):
        return
    if model.emits == "last":
        reason = f"model {registry.name_of(model)} feeds nothing back"
    elif task.silent:
        reason = f"task {registry.name_of(task)} feeds nothing back with these settings"
    elif feedback.silent and task.increments:
        reason = f"task {registry.name_of(task)} adds the output to what was fed"
    elif feedback.silent:
        reason = f"model {registry.name_of(model)} has no memory but its feedback"
        if not model.memoryless:
            reason = f"model {registry.name_of(model)} runs on what is fed back"
    elif feedback.for_distributions and not task.symbols:
        reason = f"objective={registry.name_of(experiment.objective)} predicts values, not distributions to draw them from"
        plain: Any = registry.base("objective")
        others: dict[str, Any] = dict(registry.builtin_parts("objective"))
        names = [name for name, part in others.items() if part.head is not plain.head]
        reason += f" (objective={names[0]} does)"
    else:
        reason = _not_for(task)
    raise _misfit("feedback", feedback, reason, fits)


def _check_objective(experiment: Experiment) -> None:
    task, objective = experiment.task, given(experiment.objective)

    def speaks(candidate: type[Objective]) -> bool:
        return candidate.for_symbols if task.symbols else candidate.for_values

    if not speaks(type(objective)):
        raise _misfit("objective", objective, _not_for(task), speaks)


def _check_head(experiment: Experiment) -> None:
    """Refuse a model that finds what was fed back by the width of its outputs where these are the numbers of a distribution."""
    model, objective = experiment.model, given(experiment.objective)
    if objective.head is not None and _takes_its_outputs_for_feeds(model):
        named = f"model={registry.name_of(model)}" + (f" with order={model.reads}" if model.reads > 1 else "")
        reason = "its outputs are wider than what is fed back, and this model takes them for equal"
        raise ConfigError(f"objective={registry.name_of(objective)}: {reason} ({named}); choose another model")


def _takes_its_outputs_for_feeds(model: Model) -> bool:
    """Whether a model has no weights for outputs that are wider than what it reads."""
    try:
        model.shapes(1, 2)
    except ConfigError:
        return True
    return False


def _check_levels(experiment: Experiment) -> None:
    task, levels = experiment.task, experiment.training.levels
    if levels is not Levels.constant and task.emits == "last":
        name = registry.name_of(task)
        raise ConfigError(f"training.levels={levels.value}: task {name} has one target at the end of a sequence; leave it out")


def _check_window(experiment: Experiment) -> None:
    task, window = experiment.task, experiment.training.window
    if window is None:
        return
    key, steps = f"training.window={window}", task.length - experiment.span[0]
    if task.emits == "last":
        raise ConfigError(f"{key}: task {registry.name_of(task)} has one target at the end of a sequence; leave it out")
    if window > steps:
        raise ConfigError(f"{key}: a sequence has only {steps} steps behind the warm-up; choose at most {steps}")
    if not given(experiment.objective).charges_each_step:
        name = registry.name_of(given(experiment.objective))
        raise ConfigError(f"{key}: objective {name} charges more than single steps; leave training.window out")


def _not_for(task: Task) -> str:
    return f"not for the {'symbols' if task.symbols else 'real values'} of task {registry.name_of(task)}"


def _misfit(kind: str, part: object, reason: str, fits: Callable[[Any], bool]) -> ConfigError:
    names = [name for name, candidate in registry.parts(kind).items() if fits(candidate)]
    choice = f"{kind}={names[0]}" if len(names) == 1 else f"one of: {', '.join(names)}"
    return ConfigError(f"{kind}={registry.name_of(part)}: {reason}; choose {choice}")
