"""What will runs cost? Time by what such runs have taken here before, memory by what back-propagation has to keep.

Both are estimates, good to a factor of about two: they say whether to wait or to go home, and how many runs fit a worker.
"""

from __future__ import annotations

import math
import os
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from freerun.errors import CorruptRecord, StoreError
from freerun.grouping import Planned
from freerun.store import Store

#: The width that inputs and outputs are taken to have: a task knows its own only when it is built.
WIDTH = 64
#: Bytes of a worker before it has done anything: the interpreter, torch, a world.
BASE = 450 * 2**20
#: How many numbers are kept for every column of every weight, at each step of each sequence; for an output in an evaluation.
KEPT, MEASURED = 2.0, 24
#: Seconds of one step of a sequence of a batch, where nothing like it was run yet: a part a step, a part a product.
STEP, PRODUCT = 12e-6, 2e-10
#: The most records that are read to learn from.
RECORDS = 400
#: Where Linux says what is free, of which control group this process is, and what that may use.
MEMINFO, MEMBERSHIP, CONTROL = Path("/proc/meminfo"), Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def memory(run: Planned) -> int:
    """Bytes that a run adds to its group, in training or in its evaluation, whichever is more."""
    experiment = run.experiment
    size = 8 if experiment.dtype == "float64" else 4
    shapes = experiment.model.shapes(WIDTH, WIDTH).values()
    weights = sum(shape.rows * shape.columns for shape in shapes)
    cell = KEPT * (WIDTH + sum(shape.columns for shape in shapes))
    length, batch = experiment.task.length, experiment.training.batch
    if experiment.model.remembers_all:  # each step keeps the memory of all steps before it
        cell *= 1 + length / 8
    training = 6 * weights + length * batch * cell
    measuring = sum(experiment.span) * experiment.evaluation.sequences * WIDTH * MEASURED
    return int(size * max(training, measuring))


def most_at_once(run: Planned, limit: int, budget: int | None) -> int:
    """How many runs like this one may share a group, of at most `limit` runs and `budget` bytes."""
    if budget is None:
        return limit
    return max(1, min(limit, int((budget - BASE) // max(1, memory(run)))))


def available() -> int | None:
    """Bytes of memory of this machine that are free to use, within the limits of its control groups; None if unknown."""
    found = [int(line[1]) * 1024 for line in _words(MEMINFO) if line[:1] == ["MemAvailable:"]]
    for group in _control_groups():
        limit, used = (next(iter(_words(group / name)), ["none"])[0] for name in ("memory.max", "memory.current"))
        if limit.isdecimal() and used.isdecimal():
            cached = sum(int(line[1]) for line in _words(group / "memory.stat") if line[:1] == ["inactive_file"])
            found.append(max(0, int(limit) - max(0, int(used) - cached)))  # pages of files are given up when room is needed
    return min(found, default=None)


def cores() -> int:
    """The cores that this process may use, within the quotas of its control groups."""
    found = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    for group in _control_groups():
        quota, period = (*next(iter(_words(group / "cpu.max")), []), "none", "none")[:2]
        if quota.isdecimal() and period.isdecimal() and int(period):
            found.append(math.ceil(int(quota) / int(period)))
    return max(1, min(found))


def _control_groups() -> list[Path]:
    """The control group of this process and those that it is within (version 2), whose limits hold for it too."""
    own = next((line[0].removeprefix("0::/") for line in _words(MEMBERSHIP) if line and line[0].startswith("0::/")), "")
    inner = CONTROL / own
    return [group for group in (inner, *inner.parents) if group.is_relative_to(CONTROL)]


def _words(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError):
        return []


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
        record = orjson.loads(body)
        made, tree = record["provenance"], record["experiment"]
        kinds = tuple(_kinds(tree))
        hash(kinds)
        return kinds, made["training_seconds"] / max(1, tree["training"]["updates"]), float(made["evaluation_seconds"])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as fault:
        raise CorruptRecord(str(fault)) from None


def _kinds(tree: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    """What a run is, from narrow to wide: it costs what those of its own kind have cost."""
    task, model = tree["task"], tree["model"]
    sizes = (task.get("length"), tree["training"]["batch"], tree["device"])
    narrow = (repr(task), repr(model), tree["regime"]["name"], *sizes)
    return narrow, (task["name"], repr(model), *sizes), (task["name"], model["name"], *sizes)
