"""What does a worker process do? It takes orders from its standard input, one line of JSON each, and answers in lines of JSON.

Started by `freerun.execution.worker_supervisor` as ``python -m freerun.execution.worker_process``. An order is a store and the
identities of the runs of a group. The worker claims those that nobody else is doing and does them. When its input closes,
because the parent has gone, it stops at once; records that were written are whole, the rest is done by the next sweep.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from freerun.errors import FreerunError, StoreError
from freerun.execution import plan_files
from freerun.store.claims import Claims
from freerun.store.records import Store


def main() -> None:
    """Serve until the input closes."""
    for asked in (signal.SIGINT, signal.SIGTERM):  # sent to all of a job at once; who started this worker sees to it
        signal.signal(asked, signal.SIG_IGN)
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer

    def tell(event: str, **values: Any) -> None:
        channel.write(json.dumps({"event": event, **values}) + "\n")
        channel.flush()

    orders: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    from freerun.execution.group_runner import prepare

    settings = json.loads(sys.argv[1])
    prepare(settings["threads"])
    tell("ready")
    while True:
        order = orders.get()
        try:
            serve(Store(Path(order["store"])), order["runs"], settings["checkpoint"], tell)
        except StoreError as fault:
            tell("unusable", reason=str(fault))
        else:
            tell("done")


def _listen(orders: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        orders.put(json.loads(line))
    os._exit(0)


def serve(store: Store, runs: list[str], checkpoint: int, tell: Any) -> None:
    """Do those of the runs that nobody else is doing; a run that fails is marked in the store.

    Args:
        store: where plans are and records go.
        runs: the identities of runs that may train together.
        checkpoint: updates between two checkpoints; 0 for none.
        tell: told about every update, ``tell("update", update=..., ...)``; ``elsewhere=True`` if others do all of them.

    Raises:
        StoreError: if the store cannot be used.
    """
    from freerun.execution.group_runner import run_safely

    claims = Claims(store)
    mine = claims.take(runs)
    try:
        planned, reasons = [], {}
        for run in mine:
            try:
                planned.append(plan_files.read(store, run))
            except FreerunError as fault:
                reasons[run] = str(fault)

        def report(event: str, values: dict[str, Any]) -> None:
            claims.report({**values, "updates": planned[0].experiment.training.updates})
            tell(event, **values)

        if not mine:
            tell("update", elsewhere=True)
        if planned:
            reasons |= run_safely(planned, store, report, checkpoint_every=checkpoint)
        for run, reason in reasons.items():
            store.failures.note(run, reason)
        for run in set(mine) - set(reasons):
            plan_files.remove(store, run)
    finally:
        claims.release()


if __name__ == "__main__":
    main()
