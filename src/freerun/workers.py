"""How do groups get done, whatever happens to the process that does them?

One process a core, one thread each. A worker that dies takes its group with it, not the sweep: the group's unfinished runs are
marked as failed and a new worker takes over.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from freerun import catalog
from freerun.errors import FreerunError, StoreError, given
from freerun.grouping import Planned
from freerun.store import Store

#: After so many workers that died before they were ready the sweep is given up.
STARTS = 4


class Watcher(Protocol):
    """Who is told how the groups get on."""

    def started(self, number: int, group: list[Planned]) -> None:
        """A worker has taken a group."""

    def advanced(self, number: int, values: dict[str, Any]) -> None:
        """A group has made updates."""

    def finished(self, number: int, reason: str | None) -> None:
        """A group is done, or has failed for the given reason."""


@dataclass
class _Worker:
    process: subprocess.Popen[str]
    group: int | None = None
    reader: threading.Thread | None = None
    ready: bool = False


def run_groups(groups: list[list[Planned]], store: Store, workers: int, watcher: Watcher) -> dict[str, str]:
    """Do all groups and return the reason for every run that failed.

    Raises:
        StoreError: if the store has become unusable; what was written stays.
        FreerunError: if no worker can be started.
        KeyboardInterrupt: passed on after the workers have been stopped.
    """
    failed: dict[str, str] = {}
    waiting = list(range(len(groups)))
    events: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
    with _crew(events) as crew:
        for _ in range(min(workers, len(groups))):
            crew.append(_start(events))
        open_groups, stillborn = len(groups), 0
        while open_groups:
            worker, event = events.get()
            if event is None:  # the worker has ended
                crew.remove(worker)
                _bury(worker)
                reason = _cause_of_death(worker)
                stillborn += not worker.ready
                if stillborn > STARTS:
                    raise FreerunError(f"worker processes do not start ({reason}); FREERUN_DEBUG=1 shows what they say")
                lost = {} if worker.group is None else {run.id: reason for run in groups[worker.group] if not store.has(run.id)}
                open_groups -= _close(worker, store, watcher, failed, lost)
                if waiting:
                    crew.append(_start(events))
                continue
            kind = event.pop("event")
            if kind == "update":
                watcher.advanced(_number(worker), event)
                continue
            if kind == "unusable":
                raise StoreError(event["reason"])
            worker.ready = True
            if kind == "done":
                open_groups -= _close(worker, store, watcher, failed, event["failed"])
            if waiting:
                worker.group = waiting.pop(0)
                watcher.started(worker.group, groups[worker.group])
                _send(worker, groups[worker.group], store)
    return failed


def _number(worker: _Worker) -> int:
    return given(worker.group)


def _close(worker: _Worker, store: Store, watcher: Watcher, failed: dict[str, str], lost: dict[str, str]) -> int:
    """Settle the worker's group; returns how many groups that closes (0 if it had none)."""
    if worker.group is None:
        return 0
    number, worker.group = worker.group, None
    for run, reason in lost.items():
        store.fail(run, reason)
    failed.update(lost)
    reasons = sorted(set(lost.values()))
    watcher.finished(number, "; ".join(reasons) if reasons else None)
    return 1


def _start(events: queue.Queue[tuple[_Worker, dict[str, Any] | None]]) -> _Worker:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        [sys.executable, "-m", "freerun.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if not os.environ.get("FREERUN_DEBUG") else None,
        env=environment,
        text=True,
        encoding="utf-8",
        bufsize=1,
    )
    worker = _Worker(process)
    worker.reader = threading.Thread(target=_read, args=(worker, events), daemon=True)
    worker.reader.start()
    return worker


def _read(worker: _Worker, events: queue.Queue[tuple[_Worker, dict[str, Any] | None]]) -> None:
    try:
        for line in given(worker.process.stdout):
            if line.endswith("\n"):  # a worker that is killed may leave half a line
                events.put((worker, json.loads(line)))
        worker.process.wait()
    finally:
        events.put((worker, None))


def _send(worker: _Worker, group: list[Planned], store: Store) -> None:
    order = {
        "plugins": catalog.plugin_files(),
        "store": str(store.root.resolve()),
        "runs": [{"id": run.id, "tree": run.tree} for run in group],
    }
    channel = given(worker.process.stdin)
    with suppress(BrokenPipeError):  # if it has died its reader says so next
        channel.write(json.dumps(order) + "\n")
        channel.flush()


def _bury(worker: _Worker) -> None:
    """Wait for a worker that has ended or been killed, and close what led to it."""
    worker.process.wait()
    given(worker.reader).join()
    for pipe in (worker.process.stdin, worker.process.stdout):
        with suppress(BrokenPipeError):  # an order that it did not live to read
            given(pipe).close()


def _cause_of_death(worker: _Worker) -> str:
    code = worker.process.returncode
    if code is not None and code < 0:
        return f"the worker was killed ({signal.Signals(-code).name})"
    return f"the worker ended with code {code}"


@contextmanager
def _crew(events: queue.Queue[tuple[_Worker, dict[str, Any] | None]]) -> Iterator[list[_Worker]]:
    crew: list[_Worker] = []
    try:
        yield crew
    finally:
        for worker in crew:
            worker.process.kill()
        for worker in crew:
            _bury(worker)
