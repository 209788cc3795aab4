"""Worker process: does one group of runs after the other, as it is told by its parent.

Started by `freerun.execution.worker_supervisor` as ``python -m freerun.execution.worker_process``. An order is a store and the
identities of the runs of a group. The worker claims those that nobody else is doing and does them. It ends with its parent;
records that were written are whole, the rest is done by the next sweep.
"""

from __future__ import annotations

import faulthandler
import json
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freerun.errors import FreerunError, StoreError
from freerun.execution import plan_files
from freerun.io.parent_process import ParentProcess
from freerun.store.claims import Claims
from freerun.store.records import Store

if TYPE_CHECKING:
    from freerun.execution.planned_run import Planned


def main() -> None:
    """Serve until the parent has gone."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # sent to all of a job at once; who started this worker sees to it
    faulthandler.enable()
    parent = ParentProcess()
    from freerun.execution.group_runner import prepare

    settings = json.loads(sys.argv[1])
    prepare(settings["threads"], settings["engine"])
    parent.tell("ready")
    while True:
        order = parent.order()
        try:
            serve(
                Store(Path(order["store"])), order["runs"], settings["checkpoint"], parent.tell, settings["plugins"],
                tuple(settings["log"]), curves=settings["curves"],
            )  # fmt: skip
        except StoreError as fault:
            parent.tell("unusable", reason=str(fault))
        else:
            parent.tell("done")


def serve(
    store: Store, runs: list[str], checkpoint: int, tell: Callable[..., None], plugins: Mapping[str, str],
    log: tuple[str, ...] = (), *, curves: bool = False,
) -> None:  # fmt: skip
    """Do those of the runs that nobody else is doing; a run that fails is marked in the store.

    Args:
        store: where plans are and records go.
        runs: the identities of runs that may train together.
        checkpoint: updates between two checkpoints; 0 for none.
        tell: called after every update, ``tell("update", update=..., ...)``; with ``said=...`` where nothing is trained.
        plugins: the files of plugins that may be loaded, each with its digest.
        log: trackers that the curves go to.
        curves: tell of every logged update of each run too, ``tell("curves", run=..., at=..., values=...)``.

    Raises:
        StoreError: if the store cannot be used.
    """
    from freerun.execution.group_runner import Logging, run_safely

    claims = Claims(store)
    claimed = claims.take(runs)
    try:
        planned = []
        for run in claimed:
            try:
                planned.append(plan_files.read(store, run, plugins))
            except FreerunError as fault:
                store.failures.note(run, str(fault))

        def report(event: str, values: dict[str, Any]) -> None:
            if event == "update":
                claims.report({**values, "updates": planned[0].experiment.training.end})
            tell(event, **values)

        if (said := _without_training(claimed, planned, store)) is not None:
            tell("update", said=said)
        if planned:
            run_safely(planned, store, report, checkpoint_every=checkpoint, logging=Logging(trackers=log, told=curves))
        for run in claimed:
            if store.failures.reason(run) is None:
                plan_files.remove(store, run)
    finally:
        claims.release()


def _without_training(claimed: list[str], planned: list[Planned], store: Store) -> str | None:
    """Return in words what becomes of runs of which none is left to be trained; None if some are, or cannot be had."""
    if not claimed:
        return "done by another sweep"
    if not planned or not all(store.has(run.trained) for run in planned):
        return None
    return "reference players" if all(store.has(run.id) for run in planned) else "measured, trained before"


if __name__ == "__main__":
    main()
