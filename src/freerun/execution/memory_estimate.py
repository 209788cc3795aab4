"""Estimate of memory: what back-propagation and evaluation of a run have to keep, good to a factor of about two."""

from __future__ import annotations

from freerun.config.experiment import Experiment
from freerun.engine.engine_choice import obstacle, setting
from freerun.errors import given
from freerun.execution.planned_run import Planned
from freerun.parts.models.transformer import Transformer

#: The width that inputs and outputs are taken to have: a task knows its own only when it is built.
WIDTH = 64
#: Bytes of a worker before it has done anything: the interpreter, torch, a world.
BASE = 450 * 2**20
#: How many numbers are kept for each that `Model.kept` counts, at a step of a sequence; for an output in an evaluation.
KEPT, MEASURED = 2.0, 24


def memory(run: Planned) -> int:
    """Bytes that a run adds to its group, in training or in its evaluation, whichever is more."""
    experiment = run.experiment
    size = 8 if experiment.dtype == "float64" else 4
    head = given(experiment.objective).head
    wide = WIDTH if head is None else head.width(WIDTH)
    shapes = experiment.model.shapes(WIDTH, wide).values()
    weights = sum(shape.rows * shape.columns for shape in shapes)
    cell = KEPT * (WIDTH * experiment.model.reads + experiment.model.kept(WIDTH, WIDTH))
    length, batch = experiment.task.length, experiment.training.batch
    if experiment.model.remembers_all:
        cell = remembering(experiment, cell)
    training = 6 * weights + length * batch * cell
    measuring = sum(experiment.span) * experiment.evaluation.sequences * wide * MEASURED
    return int(size * max(training, measuring))


def remembering(experiment: Experiment, cell: float) -> float:
    """Return the numbers that a step of a model keeps that remembers all steps before it, a mean over a rollout.

    The loop copies what is remembered at each step; the compiled engine remembers it in one place.

    Args:
        cell: those of a step that remembers nothing.
    """
    model, length = experiment.model, experiment.task.length
    loops = setting() == "reference" or obstacle(experiment) or given(experiment.objective).rollouts
    if isinstance(model, Transformer) and not loops:
        return cell
    return cell * (1 + length / 16)


def most_at_once(run: Planned, limit: int, budget: int | None) -> int:
    """Return how many runs like this one may share a group, given its limit of runs and its budget of bytes."""
    if budget is None:
        return limit
    return max(1, min(limit, int((budget - BASE) // max(1, memory(run)))))
