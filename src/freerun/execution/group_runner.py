"""Group runner: a group of planned runs is trained, evaluated and recorded."""

from __future__ import annotations

import ctypes
import math
import platform
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import torch

from freerun import arithmetic
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.training import Listener, Outcome, train
from freerun.errors import FreerunError, StoreError
from freerun.execution import bisection
from freerun.execution.planned import Planned
from freerun.execution.resume import Keeper, find
from freerun.measurement.evaluation import Measured, evaluate
from freerun.parts.tasks import Data, Task
from freerun.store import checkpoints, run_notes
from freerun.store.provenance import commit, versions
from freerun.store.records import Store

#: Told about progress: a kind of event and its values.
Report = Callable[[str, dict[str, Any]], None]
#: Updates between two checkpoints of a run, if nobody says otherwise.
CHECKPOINT_EVERY = 1000
#: How many worlds a process keeps for its next groups.
WORLDS_KEPT = 16


def prepare(threads: int = 1) -> None:
    """Settings of the process: one thread, so that results never depend on the machine's load or the launcher.

    Args:
        threads: more of them can change the last bits of sums over large tensors.
    """
    torch.set_num_threads(threads)
    if platform.libc_ver()[0] == "glibc":
        # Keep freed memory: a training step allocates the same tensors again and again, and page faults cost more than the
        # sums.
        library, trim_threshold, mmap_threshold = ctypes.CDLL(None), -1, -3
        library.mallopt(trim_threshold, 2**30)
        library.mallopt(mmap_threshold, 2**30)


def run_group(runs: list[Planned], store: Store, report: Report, checkpoint_every: int = CHECKPOINT_EVERY) -> None:
    """Train and measure a group and write one record for each of its runs.

    Runs that were stopped go on from their checkpoints; where these stand at different updates, in a group for each.

    Args:
        checkpoint_every: updates between two checkpoints of a run; 0 for none.

    Raises:
        StoreError: if a record or a checkpoint cannot be written.
    """
    began = time.perf_counter()
    if (lost := arithmetic.shortfall()) is not None:
        run_notes.leave(store, runs[0].id, lost)
    experiments = [run.experiment for run in runs]
    first = experiments[0]
    length = max(first.task.length, sum(first.span))
    data = {seed: _world(first.task, seed, length) for seed in sorted({e.seed for e in experiments})}
    group = Group(experiments, data)
    found = [find(store, run.id, group) for run in runs]
    done = [0 if each is None else each.update for each in found]
    for update in sorted(set(done), reverse=True):
        some = [r for r in range(len(runs)) if done[r] == update]
        part = group if len(some) == len(runs) else Group([experiments[r] for r in some], data)
        keeper = Keeper(store, [runs[r].id for r in some], [found[r] for r in some], every=checkpoint_every, began=began)
        _finish([runs[r] for r in some], part, keeper, store, report)
        began = time.perf_counter()


def _finish(runs: list[Planned], group: Group, keeper: Keeper, store: Store, report: Report) -> None:
    """Train a group from where its runs are to the end, measure it, and put records in the place of checkpoints."""
    lessons = Lessons(group)
    outcomes = train(group, _throttled(report), lessons, keeper)
    trained = time.perf_counter()
    measured = evaluate(group, lessons)
    ended = time.perf_counter()
    weights, seconds = group.weights(), trained - keeper.began
    for r, run in enumerate(runs):
        cost = {
            "group_size": len(runs),
            "training_seconds": keeper.seconds[r] + seconds / len(runs),
            "evaluation_seconds": (ended - trained) / len(runs),
            "updates_per_second": len(runs) * (group.settings.updates - keeper.update) / seconds,
            "resumed_from": keeper.resumed[r],
        }
        record = _record(run, outcomes[r], measured[r], group.data[run.experiment.seed], cost)
        store.write(record, {name: value[r].cpu().numpy() for name, value in weights.items()})
        checkpoints.remove(store, run.id)


def run_safely(runs: list[Planned], store: Store, report: Report, checkpoint_every: int = CHECKPOINT_EVERY) -> None:
    """Run a group that this process has claimed; if it fails, in halves, until the faulty run fails alone and is marked.

    Args:
        checkpoint_every: updates between two checkpoints of a run; 0 for none.

    Raises:
        StoreError: if a record or a mark of failure cannot be written.
    """
    try:
        run_group(runs, store, report, checkpoint_every)
    except StoreError:
        raise
    except (Exception, SystemExit) as fault:
        reason = str(fault) if isinstance(fault, FreerunError) else f"{type(fault).__name__}: {fault}"
        reason, log = " ".join(reason.split()), traceback.format_exc()
    else:
        return
    planned = {run.id: run for run in runs}
    for half in bisection.halves(list(planned), store, reason, log=log, claimed=True):
        run_safely([planned[run] for run in half], store, report, checkpoint_every)


_worlds: OrderedDict[tuple[str, int, int], Data] = OrderedDict()


def _world(task: Task, seed: int, length: int) -> Data:
    """The task's data for a seed, kept for the next groups of the same process."""
    key = (repr(task), seed, length)
    if key not in _worlds:
        _worlds[key] = task.build(seed, length)
        while len(_worlds) > WORLDS_KEPT:
            _worlds.popitem(last=False)
    _worlds.move_to_end(key)
    return _worlds[key]


def _throttled(report: Report) -> Listener:
    """Pass on logged values at once and bare progress twice a second."""
    last = 0.0

    def listen(update: int, values: dict[str, list[float]]) -> None:
        nonlocal last
        now = time.perf_counter()
        if values or now - last > 0.5:
            last = now
            report("update", {"update": update + 1, **_means(values)})

    return listen


def _means(values: dict[str, list[float]]) -> dict[str, float]:
    finite = {name: [value for value in each if math.isfinite(value)] for name, each in values.items()}
    return {name: sum(each) / len(each) for name, each in finite.items() if each}


def _record(run: Planned, outcome: Outcome, measured: Measured, data: Data, cost: dict[str, Any]) -> dict[str, Any]:
    diverged = outcome.broke is not None
    return {
        "run": run.id,
        "experiment": run.tree,
        "status": "diverged" if diverged else "done",
        "reason": f"{outcome.broke[1]} not finite at update {outcome.broke[0]}" if outcome.broke else "",
        "curves": [asdict(point) for point in outcome.curves],
        "series": [] if diverged else [asdict(series) for series in measured.series],
        "comparisons": [] if diverged else [asdict(each) for each in measured.comparisons],
        "quantities": {} if diverged else {name: each.written() for name, each in measured.quantities.items()},
        "sample": None if diverged else measured.sample,
        "provenance": {
            "versions": versions(),
            "commit": commit(),
            "machine": f"{platform.system()} {platform.machine()}",
            "processor": str(arithmetic.processor()),
            "arithmetic": str(arithmetic.in_force()),
            "device": run.experiment.device,
            "threads": torch.get_num_threads(),
            "data": data.fingerprint,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            **cost,
        },
    }
