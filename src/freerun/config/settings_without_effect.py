"""Settings that change nothing beside the others: each is said in a line, so that no two runs are taken for two methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from freerun.config.learning_rate import Decay
from freerun.config.level_weights import Levels
from freerun.errors import given
from freerun.parts.objectives._ends import ends_as
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.registry import name_of

if TYPE_CHECKING:
    from freerun.config.compatibility import Experiment
    from freerun.config.training_settings import Training


def lines(experiment: Experiment) -> tuple[str, ...]:
    """Return what does nothing in an experiment, a line each."""
    return (*_regime(experiment), *_gradient(experiment), *_parts(experiment), *_training(experiment.training))


def _regime(experiment: Experiment) -> Iterator[str]:
    model, regime = experiment.model, experiment.regime
    steps = range(experiment.span[0], experiment.task.length - 1)
    same = None if given(experiment.feedback).silent or not steps else regime.comes_to(steps)
    if same is not None:
        yield f"regime={name_of(regime)}: with these settings, on these sequences, it feeds exactly as regime={same}"
    elif model.deaf and not isinstance(regime, TeacherForcing) and not regime.feeder().chooses:
        told = f"model={name_of(model)} reads nothing that is fed behind the warm-up"
        yield f"regime={name_of(regime)}: {told}, so that it trains as under teacher_forcing"


def _gradient(experiment: Experiment) -> Iterator[str]:
    model, objective, feeder = experiment.model, given(experiment.objective), experiment.regime.feeder()
    demanded = objective.last_step_only or objective.asks_the_world or objective.teaches() is not None or objective.rollouts
    if experiment.gradient != "through" and not feeder.carries and not demanded:
        told = f"no gradient runs through what regime={name_of(experiment.regime)} feeds"
        yield f"gradient={experiment.gradient}: {told}, so that the run is that of gradient=through"
    flows = given(experiment.feedback).carries and feeder.carries and not feeder.forced and experiment.gradient != "stop"
    if experiment.training.truncate is not None and model.memoryless and not flows and not objective.rollouts:
        told = f"model={name_of(model)} has no memory but its feeds, through which no gradient runs"
        yield f"training.truncate={experiment.training.truncate}: {told}, so that nothing is cut"


def _parts(experiment: Experiment) -> Iterator[str]:
    model, objective, levels = experiment.model, given(experiment.objective), experiment.training.levels
    asked: Any = experiment  # its settings of training have more types than parts ask of them
    if (idle := model.idle()) is not None:
        yield f"model={name_of(model)}: {idle}"
    if (same := objective.comes_to(asked)) is not None:
        yield f"objective={name_of(objective)}: where the truth alone is fed it charges what objective={same} does"
    if objective.last_step_only and levels is not Levels.constant and ends_as(asked) == "free_running":
        told = f"under free running objective={name_of(objective)} charges one step alone"
        yield f"training.levels={levels.value}: {told}, whatever its weight"


def _training(training: Training) -> Iterator[str]:
    end, every = training.end, training.log_every
    logged = len(range(0, end, every)) + int(end == training.updates and (end - 1) % every != 0)
    few = f"only {logged} values of its curve are logged"
    if training.decay is Decay.step and 0 < end <= given(training.decay_every):
        yield f"training.decay_every={training.decay_every}: training ends after {end} updates, so that the rate stays as it is"
    if training.decay is Decay.plateau and 0 < logged <= given(training.decay_patience) + 1:
        yield f"training.decay_patience={training.decay_patience}: {few}, so that the rate stays as it is"
    if training.patience is not None and 0 < logged <= training.patience:
        yield f"training.patience={training.patience}: {few}, so that it ends no run"
