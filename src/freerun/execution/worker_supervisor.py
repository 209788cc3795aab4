"""Supervision of a worker process: a group gets done, whatever happens to the process that does it.

A `Worker` is a child process that is handed one group after the other. If it dies, hangs or is killed, a new process does the
unfinished runs of its group in halves, until the run that is to blame is alone and marked as failed. So whoever launches
groups, threads on this machine or a cluster, never sees a job fail.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from freerun.errors import FreerunError, StoreError, given
from freerun.execution import bisection, gpus
from freerun.io.child_process import ChildProcess
from freerun.store.checkpoints import EVERY
from freerun.store.failures import LONGEST_LOG
from freerun.store.records import Store

#: So many processes may die before they are ready for a first order.
STARTS = 3
#: Seconds that a process may take to get ready: torch is imported, on a slow disk.
LOADING = 300.0


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Settings and limits of workers; none of them changes a result but for last bits.

    Attributes:
        threads: of a worker process; more than one can change the last bits of sums.
        time_limit: seconds that a group may take; None for no limit.
        checkpoint: updates between two checkpoints of a run; 0 for none.
        plugins: the files of plugins that may be loaded, each with its digest: those that the command names.
        engine: of rollouts, whose last bits depend on it; None for that of the process.
        log: trackers that the curves of runs go to while they train.
        curves: tell the parent of every logged update too.
    """

    threads: int = 1
    time_limit: float | None = None
    checkpoint: int = EVERY
    plugins: tuple[tuple[str, str], ...] = ()
    engine: str | None = None
    log: tuple[str, ...] = ()
    curves: bool = False


Listen = Callable[[dict[str, Any]], None]


@dataclass
class Worker:
    """A process that does groups, started when there is one to do.

    Attributes:
        terms: that it keeps to.
        gpu: the one GPU that it may use, as CUDA_VISIBLE_DEVICES names it, and so may every process that takes its place; None
            for all that this process may use.

    Raises:
        FreerunError: if no process can be started.
        StoreError: if the store has become unusable; what was written stays.
    """

    terms: Terms
    gpu: str | None = None
    process: ChildProcess | None = None
    closed: bool = False
    #: What the process says on standard error.
    _said: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def do(self, store: Store, runs: list[str], listen: Listen = lambda values: None) -> None:
        """Do a group: afterwards each run is done, marked as failed, or claimed by another sweep."""
        reason = self._try(store, runs, listen)
        if reason is not None and not self.closed:
            self._narrow_down(store, runs, reason, listen)

    def _try(self, store: Store, runs: list[str], listen: Listen) -> str | None:
        """Have the process do a group; return why it was not done to the end, None if it was."""
        if self.process is None:
            self._start()
        process, limit = given(self.process), self.terms.time_limit
        process.send({"store": str(store.root.resolve()), "runs": runs})
        deadline = None if limit is None else time.monotonic() + limit
        while True:
            try:
                event = process.receive(None if deadline is None else deadline - time.monotonic())
            except TimeoutError:
                self._end()
                return f"not finished after {limit:g} s (launcher.time_limit)"
            if event is None:
                return self._end()
            if event["event"] == "unusable":
                raise StoreError(event["reason"])
            if event["event"] == "done":
                return None
            listen(event)

    def _narrow_down(self, store: Store, runs: list[str], reason: str, listen: Listen) -> None:
        """Do the unfinished runs of a group that took its worker with it in halves."""
        for half in bisection.halves(runs, store, reason, log=self._last_words()):
            if not self.closed:
                self.do(store, half, listen)

    def _last_words(self) -> str:
        """Return the end of what the process has said on standard error."""
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - LONGEST_LOG))
        return self._said.read().decode(errors="replace")

    def stop(self) -> None:
        """Kill the process, whatever it is doing, from any thread; nothing is marked, and `do` returns."""
        self.closed = True
        process = self.process  # which its own thread may set to None meanwhile
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Kill the process and let go of all that led to it."""
        self.stop()
        if self.process is not None:
            self._end()
        self._said.close()

    def _start(self) -> None:
        self._said.seek(0)
        self._said.truncate()
        terms = self.terms
        settings = json.dumps({
            "threads": terms.threads, "checkpoint": terms.checkpoint, "engine": terms.engine, "plugins": dict(terms.plugins),
            "log": terms.log, "curves": terms.curves,
        })  # fmt: skip
        for _ in range(STARTS):
            self.process = ChildProcess(
                "freerun.execution.worker_process",
                [settings],
                name="the worker",
                threads=self.terms.threads,
                errors=None if os.environ.get("FREERUN_DEBUG") else self._said,
                environment=None if self.gpu is None else {gpus.VARIABLE: self.gpu},
            )
            if self.closed:  # while it was being started
                self.process.kill()
            with suppress(TimeoutError):
                if self.process.receive(LOADING) is not None:
                    return
            reason = self._end()
            if self.closed:
                break
        raise FreerunError(f"worker processes do not start ({reason}); FREERUN_DEBUG=1 shows what they say")

    def _end(self) -> str:
        """End the process, if it has not ended by itself; return in words how it ended."""
        process, self.process = given(self.process), None
        return process.end()


_kept: dict[Terms, Worker] = {}


def serve(store: str, runs: list[str], terms: Terms) -> None:
    """Do a group in a worker that this process keeps for the next ones: what a job of a cluster does.

    Raises:
        StoreError: if the store cannot be used.
        FreerunError: if no worker can be started.
    """
    from pathlib import Path

    _kept.setdefault(terms, Worker(terms)).do(Store(Path(store)), runs)
