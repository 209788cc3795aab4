"""Estimate of time: what runs will take, by what such runs have taken here before; good to a factor of about two."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from freerun.errors import CorruptRecord, StoreError
from freerun.execution.memory_estimate import WIDTH
from freerun.execution.planned_run import Planned
from freerun.store.records import Store, trained_run

#: Seconds of one step of a sequence of a batch, where nothing like it was run yet: a part a step, a part a product; by engine.
GUESS = {"reference": (12e-6, 2e-10), "compiled": (4e-6, 7e-11)}
#: How much longer a run may be than one that does not say what an update took, for that one to tell of it.
SHORTER = 4
#: The most records that are read to learn from.
RECORDS = 400


class _Spent(msgspec.Struct):
    """The cost in a record's provenance; a run and its measurement have a record each."""

    training_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    update_seconds: float | None = None
    logging_seconds: float | None = None
    updates: int | None = None
    engine: str = "reference"


class _Cost(msgspec.Struct):
    """The fields of a record that say what its run is and what it has cost."""

    experiment: dict[str, Any]
    provenance: _Spent


class _Measured(msgspec.Struct):
    """The field of a measurement's record that says what it has cost."""

    provenance: _Spent


_COST, _MEASURED = msgspec.json.Decoder(_Cost), msgspec.json.Decoder(_Measured)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one run in its group has cost, in seconds.

    Attributes:
        updates: how many it did.
        training: from the beginning of its group to the end.
        update, logging: of an update, and of what is logged after one, once training runs; None where the record does not say.
        evaluation: of its measurement.
    """

    updates: int
    training: float
    update: float | None
    logging: float
    evaluation: float

    def predicted(self, updates: int, log_every: int) -> float | None:
        """Return the seconds of a run like this one; None where this one was too short to tell an update from its beginning."""
        if self.update is None:
            return updates * self.training / self.updates + self.evaluation if SHORTER * self.updates >= updates else None
        spent = self.updates * self.update + self.updates / log_every * self.logging
        return max(0.0, self.training - spent) + updates * self.update + updates / log_every * self.logging + self.evaluation


@dataclass(kw_only=True)
class Costs:
    """What runs have cost, by what they are."""

    known: dict[tuple[Any, ...], list[Cost]] = field(default_factory=lambda: defaultdict(list))

    def seconds(self, run: Planned, *, trained: bool = False, engine: str = "reference") -> tuple[float, bool]:
        """Seconds that a run will take, and whether records say so.

        Args:
            trained: it is trained already, and is only to be measured.
            engine: that will roll it out, `reference` or `compiled`; what took another one tells nothing.
        """
        training = run.experiment.training
        for key in _kinds(run.tree, engine):
            costs = self.known.get(key, ())
            told = [cost.evaluation if trained else cost.predicted(training.end, training.log_every) for cost in costs]
            if told := [seconds for seconds in told if seconds is not None]:
                return statistics.median(told), True
        shapes = run.experiment.model.shapes(WIDTH, WIDTH).values()
        products = sum(shape.rows * shape.columns for shape in shapes) * run.experiment.training.batch
        length = run.experiment.task.length
        steps = (0 if trained else training.end * length) + 20 * sum(run.experiment.span)
        step, product = GUESS[engine]
        return steps * (step + product * products), False


def learned(store: Store, first: Iterable[str]) -> Costs:
    """Return the costs in the records of a store; the runs in `first` are read before others."""
    costs = Costs()
    for number, run in enumerate(dict.fromkeys(map(trained_run, [*first, *store.runs()]))):
        if number >= RECORDS:
            break
        try:
            measured = store.measurements(run)
            keys, cost = _cost(store.body(run), store.body(measured[0]) if measured else None)
        except (FileNotFoundError, CorruptRecord, StoreError):
            continue
        for key in keys:
            costs.known[key].append(cost)
    return costs


def _cost(body: bytes, measured: bytes | None) -> tuple[tuple[tuple[Any, ...], ...], Cost]:
    """Return the keys of a record's run, and what it has cost.

    Args:
        body: the text of the record.
        measured: that of a measurement of the run; None where the record holds both.

    Raises:
        CorruptRecord: if it has another form than a record's.
    """
    try:
        record = _COST.decode(body)
        tree, spent = record.experiment, record.provenance
        keys = tuple(_kinds(tree, spent.engine.partition(",")[0]))
        hash(keys)
        evaluation = spent if measured is None else _MEASURED.decode(measured).provenance
        cost = Cost(
            updates=max(1, spent.updates or _end(tree["training"])), training=spent.training_seconds,
            update=spent.update_seconds, logging=spent.logging_seconds or 0.0, evaluation=evaluation.evaluation_seconds,
        )  # fmt: skip
        return keys, cost
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as fault:
        raise CorruptRecord(str(fault)) from None


def _end(training: dict[str, Any]) -> int:
    """Return after how many updates training has ended."""
    return int(training.get("stop", training["updates"]))


def _kinds(tree: dict[str, Any], engine: str) -> Sequence[tuple[Any, ...]]:
    """Return keys for runs of similar cost, from narrow to wide; runs that share a key are expected to cost the same."""
    task, model = tree["task"], tree["model"]
    sizes = (task.get("length"), tree["training"]["batch"], tree["device"], engine)
    narrow = (repr(task), repr(model), tree["regime"]["name"], *sizes)
    return narrow, (task["name"], repr(model), *sizes), (task["name"], model["name"], *sizes)
