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
from freerun.execution.planned import Planned
from freerun.store.records import Store

#: Seconds of one step of a sequence of a batch, where nothing like it was run yet: a part a step, a part a product.
STEP, PRODUCT = 12e-6, 2e-10
#: The most records that are read to learn from.
RECORDS = 400


class _Spent(msgspec.Struct):
    """What a record's provenance says of its cost."""

    training_seconds: float
    evaluation_seconds: float


class _Cost(msgspec.Struct):
    """A record as far as it tells what its run is and has cost."""

    experiment: dict[str, Any]
    provenance: _Spent


_COST = msgspec.json.Decoder(_Cost)


@dataclass(kw_only=True)
class Costs:
    """What runs have cost, by what they are: seconds of training an update and of evaluation, of one run in its group."""

    training: dict[tuple[Any, ...], list[float]] = field(default_factory=lambda: defaultdict(list))
    evaluation: dict[tuple[Any, ...], list[float]] = field(default_factory=lambda: defaultdict(list))

    def seconds(self, run: Planned) -> tuple[float, bool]:
        """Seconds that a run will take, and whether records say so."""
        updates = run.experiment.training.updates
        for kind in _kinds(run.tree):
            if self.training.get(kind):
                return updates * statistics.median(self.training[kind]) + statistics.median(self.evaluation[kind]), True
        shapes = run.experiment.model.shapes(WIDTH, WIDTH).values()
        products = sum(shape.rows * shape.columns for shape in shapes) * run.experiment.training.batch
        length = run.experiment.task.length
        return (updates * length + 20 * sum(run.experiment.span)) * (STEP + PRODUCT * products), False


def learned(store: Store, first: Iterable[str]) -> Costs:
    """The costs that the records of a store tell of, those of the runs `first` before others."""
    costs = Costs()
    for number, run in enumerate(dict.fromkeys([*first, *store.runs()])):
        if number >= RECORDS:
            break
        try:
            kinds, training, evaluation = _cost(store.body(run))
        except (FileNotFoundError, CorruptRecord, StoreError):
            continue
        for kind in kinds:
            costs.training[kind].append(training)
            costs.evaluation[kind].append(evaluation)
    return costs


def _cost(body: bytes) -> tuple[tuple[tuple[Any, ...], ...], float, float]:
    """What the run of a record is, and the seconds that an update and its evaluation have taken.

    Raises:
        CorruptRecord: if it has another form than a record's.
    """
    try:
        record = _COST.decode(body)
        tree, spent = record.experiment, record.provenance
        kinds = tuple(_kinds(tree))
        hash(kinds)
        return kinds, spent.training_seconds / max(1, tree["training"]["updates"]), spent.evaluation_seconds
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as fault:
        raise CorruptRecord(str(fault)) from None


def _kinds(tree: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    """What a run is, from narrow to wide: it costs what those of its own kind have cost."""
    task, model = tree["task"], tree["model"]
    sizes = (task.get("length"), tree["training"]["batch"], tree["device"])
    narrow = (repr(task), repr(model), tree["regime"]["name"], *sizes)
    return narrow, (task["name"], repr(model), *sizes), (task["name"], model["name"], *sizes)
