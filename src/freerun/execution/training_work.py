"""Work of training: updates, steps of sequences that are rolled out, and products of weights, from the settings alone.

    steps      length x the sequences that are rolled out in all updates: those that are charged, and those that a regime or an
               objective rolls out beside (passes over the data, rollouts of earlier weights, a free and a forced behaviour, a
               teacher, the orbits along which growth is measured)
    products   steps x how often a weight is multiplied in one of them

It is the same on every machine, with every engine and whatever else trains beside. Left out is what all methods share: the
validation loss, the gradient (some twice as much again) and the optimiser; of an attention the products of states with states,
and of a teacher or a critic that they are of another size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freerun.config import start_weights
from freerun.config.experiment import Experiment
from freerun.errors import given
from freerun.execution.task_data import worlds


@dataclass(frozen=True, kw_only=True)
class Work:
    """What trainings take, summed."""

    updates: int = 0
    steps: int = 0
    products: int = 0

    def __add__(self, other: Work) -> Work:
        """Return the sum of both."""
        return Work(
            updates=self.updates + other.updates, steps=self.steps + other.steps, products=self.products + other.products
        )


def work(experiment: Experiment, widths: tuple[int, int] | None = None, updates: int | None = None) -> Work:
    """Return what one training takes.

    Args:
        experiment: of the run.
        widths: of inputs and outputs of its task; where they are not given its data are built once, to know them.
        updates: that were made, where patience ended it; None for all that are planned.
    """
    training, task = experiment.training, experiment.task
    made = training.end if updates is None else updates
    feeder, beside = experiment.regime.feeder(), given(experiment.objective).rollouts * training.batch
    rolled = sum(feeder.rolled(training.batch, update, training.updates) + beside for update in range(made))
    steps = rolled * task.length
    inputs, outputs = widths or _widths(experiment)
    fed = 0 if given(experiment.feedback).silent else outputs
    head = given(experiment.objective).head
    wide = outputs if head is None else head.width(outputs)
    return Work(updates=made, steps=steps, products=steps * experiment.model.products(inputs + fed, wide))


def before(experiment: Experiment) -> dict[str, Any]:
    """Return what a record says of the run whose weights a training began with; {} where they were drawn.

    Returns:
        `start`: its identity, and `updates`, `steps` and `products` of its training, together with what that one began with
        in its turn; each None where its record, being older, does not say it.
    """
    start = start_weights.start_of(experiment.training)
    if start is None:
        return {}
    settings, made = start.tree["training"], start.provenance
    planned = settings["updates"] if settings.get("stop") is None else settings["stop"]
    told = {"updates": planned if made.updates is None else made.updates, "steps": made.steps, "products": made.products}
    if made.start is not None:
        first = {name: getattr(made.start, name) for name in told}
        told = {name: None if None in (value, first[name]) else value + first[name] for name, value in told.items()}
    return {"start": {"run": start.run, **told}}


#: Widths of inputs and outputs by task: those of one seed are those of all.
_known: dict[str, tuple[int, int]] = {}


def _widths(experiment: Experiment) -> tuple[int, int]:
    """Return how wide inputs and outputs of a task are."""
    task = repr(experiment.task)
    if task not in _known:
        data = worlds([experiment], experiment.task.length)[experiment.seed]
        _known[task] = data.inputs, data.outputs
    return _known[task]
