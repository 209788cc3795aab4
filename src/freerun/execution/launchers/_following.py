"""Following of groups that are trained out of sight, by the signs of life of their workers in the store."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from freerun.execution.launchers.inline import failure
from freerun.execution.planned_run import Planned
from freerun.execution.progress import Watcher
from freerun.store.claims import alive
from freerun.store.records import Store

#: Seconds between two looks.
PERIOD = 1.0


class Following:
    """Looks after groups while they are trained elsewhere; `close` is called for each when its job has ended."""

    def __init__(self, groups: Sequence[list[Planned]], store: Store, watcher: Watcher) -> None:
        self.groups, self.store, self.watcher = groups, store, watcher
        self._number = {run.id: number for number, group in enumerate(groups) for run in group}
        self._open: set[int] = set()
        self._closed: set[int] = set()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def close(self, number: int) -> None:
        """Mark the group of an ended job as finished."""
        with self._lock:
            self._start(number)
            self._closed.add(number)
            self.watcher.finished(number, failure(self.groups[number], self.store))

    def _start(self, number: int) -> None:
        if number not in self._open:
            self._open.add(number)
            self.watcher.started(number, self.groups[number])

    def _look(self) -> None:
        while not self._stop.wait(PERIOD):
            for owner in alive(self.store):
                number = next((self._number[run] for run in owner.runs if run in self._number), None)
                with self._lock:
                    if number is None or number in self._closed:
                        continue
                    self._start(number)
                    if "update" in owner.progress:
                        self.watcher.advanced(number, owner.progress)
