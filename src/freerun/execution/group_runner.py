"""Group runner: a group of planned runs is trained, measured and recorded."""

from __future__ import annotations

import ctypes
import math
import platform
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from freerun import arithmetic
from freerun.config import start_weights
from freerun.config.run_identity import trained
from freerun.engine import engine_choice, shortcuts
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.training import Follower, Listener, Outcome, train
from freerun.errors import FreerunError, StoreError
from freerun.execution import bisection, trained_runs
from freerun.execution.group_logs import GroupLogs
from freerun.execution.group_measurement import measure
from freerun.execution.pace import Pace
from freerun.execution.planned_run import Planned
from freerun.execution.resume import Keeper, find
from freerun.execution.task_data import made_by, worlds
from freerun.execution.training_work import before, work
from freerun.measurement import watched_metric
from freerun.parts import shared_state
from freerun.store import checkpoints, run_notes
from freerun.store.records import Store

#: Called with progress: a kind of event and its values.
Report = Callable[[str, dict[str, Any]], None]


def prepare(threads: int = 1, engine: str | None = None) -> None:
    """Set up the process: one thread, so that results never depend on the machine's load or the launcher.

    Args:
        threads: more of them can change the last bits of sums over large tensors.
        engine: of rollouts; None for the default.
    """
    engine_choice.use(engine)
    shortcuts.install()
    torch.set_num_threads(threads)
    if platform.libc_ver()[0] == "glibc":
        # Keep freed memory: a training step allocates the same tensors again and again, and page faults cost more than the
        # sums.
        library, trim_threshold, mmap_threshold = ctypes.CDLL(None), -1, -3
        library.mallopt(trim_threshold, 2**30)
        library.mallopt(mmap_threshold, 2**30)


@dataclass(frozen=True, kw_only=True)
class Logging:
    """Where the curves of runs go while they train: to trackers by name, and to `report` if it is `told`."""

    trackers: tuple[str, ...] = ()
    told: bool = False


def run_group(
    runs: list[Planned], store: Store, report: Report, checkpoint_every: int = checkpoints.EVERY, logging: Logging | None = None
) -> None:
    """Train those runs of a group that are not trained yet, measure all of them and write their records.

    Runs that were stopped go on from their checkpoints; where these stand at different updates, in a group for each.

    Args:
        checkpoint_every: updates between two checkpoints of a run; 0 for none.
        logging: where curves go meanwhile; None for nowhere.

    Raises:
        FreerunError: if a run that may only be measured is not trained.
        StoreError: if a record or a checkpoint cannot be written.
    """
    if (shortfall := arithmetic.shortfall()) is not None:
        run_notes.leave(store, runs[0].id, shortfall)
    untrained = [run for run in runs if not store.has(run.trained)]
    if stranded := next((run for run in untrained if not run.train), None):
        raise FreerunError(f"run {stranded.trained} has no weights to be measured by; freerun retry NAME trains it")
    if untrained:
        _train(untrained, store, report, checkpoint_every, logging or Logging())
    measure(runs, store)


def _train(runs: list[Planned], store: Store, report: Report, checkpoint_every: int, logging: Logging) -> None:
    """Train runs and put their records and weights in the place of their checkpoints."""
    began = time.perf_counter()
    experiments = [run.experiment for run in runs]
    data = worlds(experiments, experiments[0].task.length)
    group = Group(experiments, data)
    for run in runs:  # now that their weights are read
        start_weights.demand_unchanged(run.experiment.training, run.tree)
    watched_metric.demand_measurable(group)
    starts = [find(store, run.course, group, noted=run.trained) for run in runs]
    done = [0 if start is None else start.update for start in starts]
    for update in sorted(set(done), reverse=True):
        members = [r for r in range(len(runs)) if done[r] == update]
        part = group if len(members) == len(runs) else Group([experiments[r] for r in members], data)
        courses = [runs[r].course for r in members]
        keeper = Keeper(store, courses, [starts[r] for r in members], every=checkpoint_every, began=began)
        _finish([runs[r] for r in members], part, keeper, store, report, logging)
        began = time.perf_counter()


def _finish(runs: list[Planned], group: Group, keeper: Keeper, store: Store, report: Report, logging: Logging) -> None:
    """Train a group from where its runs are to the end."""
    lessons = Lessons(group)
    pace = Pace(_throttled(report))
    gauge = watched_metric.measured
    with shared_state.kept():
        outcomes = _followed(runs, store, report, logging, lambda follow: train(group, pace, lessons, keeper, follow, gauge))
    seconds = time.perf_counter() - keeper.began
    made = sum((group.settings.end if o.ended is None else o.ended) - keeper.update for o in outcomes)
    for r, run in enumerate(runs):
        tensors, numbers = trained_runs.left(group, lessons, r)
        data = group.data[run.experiment.seed]
        ended = outcomes[r].ended
        spent = work(run.experiment, (data.inputs, data.outputs), ended)
        cost = {
            "group_size": len(runs),
            "training_seconds": keeper.seconds[r] + seconds / len(runs),
            "updates_per_second": made / seconds,
            **pace.seconds(len(runs)),
            "resumed_from": keeper.resumed[r],
            "steps": spent.steps,
            "products": float(spent.products),
            **({} if ended is None else {"updates": ended}),
            **before(run.experiment),
        }
        provenance = {**made_by(run.experiment, data), **cost}
        store.write(_record(run, outcomes[r], numbers, provenance), tensors)
        if run.course == run.trained:  # else its checkpoint is where a run that stops later goes on
            checkpoints.remove(store, run.trained)


def _followed(
    runs: list[Planned], store: Store, report: Report, logging: Logging, training: Callable[[Follower | None], list[Outcome]]
) -> list[Outcome]:
    """Train with logs that follow, which are ended however training ends."""
    if not logging.trackers and not logging.told:
        return training(None)

    def tell(run: str, update: int, values: dict[str, float]) -> None:
        report("curves", {"run": run, "at": update, "values": values})

    logs = GroupLogs(store=store, runs=runs, trackers=logging.trackers, told=tell if logging.told else None)
    outcomes: list[Outcome] | None = None
    try:
        outcomes = training(logs.follow)
    finally:
        logs.close(outcomes)
    return outcomes


def run_safely(
    runs: list[Planned], store: Store, report: Report, checkpoint_every: int = checkpoints.EVERY, logging: Logging | None = None
) -> None:
    """Run a group that this process has claimed; if it fails, in halves, until the faulty run fails alone and is marked.

    Args:
        checkpoint_every: updates between two checkpoints of a run; 0 for none.
        logging: where curves go meanwhile; None for nowhere.

    Raises:
        StoreError: if a record or a mark of failure cannot be written.
    """
    try:
        run_group(runs, store, report, checkpoint_every, logging)
    except StoreError:
        raise
    except (Exception, SystemExit) as fault:
        reason = str(fault) if isinstance(fault, FreerunError) else f"{type(fault).__name__}: {fault}"
        reason, log = " ".join(reason.split()), traceback.format_exc()
    else:
        return
    planned = {run.id: run for run in runs}
    for half in bisection.halves(list(planned), store, reason, log=log, claimed=True):
        run_safely([planned[run] for run in half], store, report, checkpoint_every, logging)


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
    finite = {name: [value for value in series if math.isfinite(value)] for name, series in values.items()}
    return {name: sum(series) / len(series) for name, series in finite.items() if series}


def _record(run: Planned, outcome: Outcome, numbers: dict[str, float], provenance: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": run.trained,
        "experiment": trained(run.tree),
        "status": "done" if outcome.broke is None else "diverged",
        "reason": f"{outcome.broke[1]} not finite at update {outcome.broke[0]}" if outcome.broke else "",
        "curves": [asdict(point) for point in outcome.curves],
        "memory": numbers,
        "provenance": provenance,
    }
