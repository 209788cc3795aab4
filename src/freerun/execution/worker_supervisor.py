"""How does a group get done, whatever happens to the process that does it?

A `Worker` is a child process that is handed one group after the other. If it dies, hangs or is killed, a new process does the
unfinished runs of its group in halves, until the run that is to blame is alone and marked as failed. So whoever launches
groups, threads on this machine or a cluster, never sees a job fail.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from freerun.errors import FreerunError, StoreError, given
from freerun.store.records import Store

#: So many processes may die before they are ready for a first order.
STARTS = 3
#: Seconds that a process may take to get ready: torch is imported, on a slow disk.
LOADING = 300.0


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On what terms groups are done; nothing here changes a result, but for the last bits that `threads` can change.

    Attributes:
        threads: of a worker process.
        time_limit: seconds that a group may take; None for no limit.
        checkpoint: updates between two checkpoints of a run; 0 for none.
    """

    threads: int = 1
    time_limit: float | None = None
    checkpoint: int = 1000


Listen = Callable[[dict[str, Any]], None]


@dataclass
class Worker:
    """A process that does groups, started when there is one to do.

    Raises:
        FreerunError: if no process can be started.
        StoreError: if the store has become unusable; what was written stays.
    """

    terms: Terms
    process: subprocess.Popen[str] | None = None
    closed: bool = False
    _events: queue.Queue[dict[str, Any] | None] = field(default_factory=queue.Queue)
    _reader: threading.Thread | None = None
    #: What the process says on standard error.
    _said: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def do(self, store: Store, runs: list[str], listen: Listen = lambda values: None) -> None:
        """Do a group: afterwards each run is done, marked as failed, or claimed by another sweep."""
        if self.process is None:
            self._start()
        self._send({"store": str(store.root.resolve()), "runs": runs})
        limit = self.terms.time_limit
        deadline = None if limit is None else time.monotonic() + limit
        while True:
            try:
                event = self._events.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._end()
                reason = f"not finished after {limit:g} s (launcher.time_limit)"
                break
            if event is None:
                reason = self._end()
                break
            if event["event"] == "unusable":
                raise StoreError(event["reason"])
            if event["event"] == "done":
                return
            listen(event)
        if not self.closed:
            self._narrow_down(store, runs, reason, listen)

    def _narrow_down(self, store: Store, runs: list[str], reason: str, listen: Listen) -> None:
        """Do the unfinished runs of a group that took its worker with it in halves: a run is marked only if it was alone."""
        from freerun.store.claims import owners

        others = owners(store)
        left = [run for run in runs if run not in others and store.failures.reason(run) is None and not store.has(run)]
        if left and len(runs) == 1:
            self._said.seek(0)
            store.failures.log(left[0], self._said.read().decode(errors="replace"))
            store.failures.note(left[0], reason)
            return
        for half in (left[: len(left) // 2], left[len(left) // 2 :]):
            if half and not self.closed:
                self.do(store, half, listen)

    def stop(self) -> None:
        """Kill the process, whatever it is doing, from any thread; nothing is marked, and `do` returns."""
        self.closed = True
        if self.process is not None:
            self.process.kill()

    def close(self) -> None:
        """Kill the process and let go of all that led to it."""
        self.stop()
        if self.process is not None:
            self._end()
        self._said.close()

    def _start(self) -> None:
        self._said.seek(0)
        self._said.truncate()
        for _ in range(STARTS):
            threads = str(self.terms.threads)
            settings = json.dumps({"threads": self.terms.threads, "checkpoint": self.terms.checkpoint})
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-X", "faulthandler", "-m", "freerun.execution.worker_process", settings],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if os.environ.get("FREERUN_DEBUG") else self._said,
                env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONIOENCODING": "utf-8"},
                text=True,
                encoding="utf-8",
                bufsize=1,
            )
            self._events = queue.Queue()
            self._reader = threading.Thread(target=_read, args=(self.process, self._events), daemon=True)
            self._reader.start()
            if self.closed:  # while it was being started
                self.process.kill()
            with suppress(queue.Empty):
                if self._events.get(timeout=LOADING) is not None:
                    return
            reason = self._end()
            if self.closed:
                break
        raise FreerunError(f"worker processes do not start ({reason}); FREERUN_DEBUG=1 shows what they say")

    def _send(self, order: dict[str, Any]) -> None:
        channel = given(given(self.process).stdin)
        with suppress(BrokenPipeError):  # if it has died its reader says so next
            channel.write(json.dumps(order) + "\n")
            channel.flush()

    def _end(self) -> str:
        """Bury the process; returns of what it died."""
        process = given(self.process)
        process.kill()
        code = process.wait()
        given(self._reader).join()
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):  # an order that it did not live to read
                given(pipe).close()
        self.process = None
        if code < 0:
            hint = " (out of memory, if nobody killed it)" if code == -signal.SIGKILL else ""
            return f"the worker was killed ({signal.Signals(-code).name}){hint}"
        return f"the worker ended with code {code}"


def _read(process: subprocess.Popen[str], events: queue.Queue[dict[str, Any] | None]) -> None:
    try:
        for line in given(process.stdout):
            if line.endswith("\n"):  # a worker that is killed may leave half a line
                events.put(json.loads(line))
        process.wait()
    finally:
        events.put(None)


_kept: dict[Terms, Worker] = {}


def serve(store: str, runs: list[str], terms: Terms) -> None:
    """Do a group in a worker that this process keeps for the next ones: what a job of a cluster does.

    Raises:
        StoreError: if the store cannot be used.
        FreerunError: if no worker can be started.
    """
    from pathlib import Path

    _kept.setdefault(terms, Worker(terms)).do(Store(Path(store)), runs)
