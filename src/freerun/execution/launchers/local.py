"""Launcher `local`: groups in worker processes of this machine, one a core."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from freerun.execution.launchers import Launcher
from freerun.execution.launchers.inline import failure
from freerun.execution.planned_run import Planned
from freerun.execution.progress import Watcher
from freerun.execution.worker_supervisor import Worker
from freerun.store.records import Store


@dataclass(kw_only=True)
class Local(Launcher):
    """Worker processes on this machine, one a core, one thread each."""

    stops: ClassVar[bool] = True
    hears: ClassVar[bool] = True

    def check(self) -> None:
        pass

    def launch(self, groups: Sequence[list[Planned]], store: Store, watcher: Watcher) -> None:
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(groups)):
            waiting.put(number)
        events: queue.SimpleQueue[tuple[str, int, Any]] = queue.SimpleQueue()

        def tell(number: int, values: dict[str, Any]) -> None:
            events.put(("advanced", number, values))

        def work(worker: Worker) -> None:
            try:
                while not worker.closed:
                    number = waiting.get_nowait()
                    if self.over:
                        events.put(("left", number, None))
                        continue
                    events.put(("started", number, None))
                    worker.do(store, [run.id for run in groups[number]], partial(tell, number))
                    events.put(("finished", number, None))
            except queue.Empty:
                pass
            except BaseException as fault:  # told to the thread that waits, which raises it
                events.put(("broken", -1, fault))
            finally:
                worker.close()

        crew = [Worker(self.terms) for _ in range(min(self.at_once, len(groups)))]
        threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in crew]
        try:
            for thread in threads:
                thread.start()
            left = len(groups)
            while left:
                event, number, value = events.get()
                if event == "broken":
                    raise value
                if event == "left":
                    left -= 1
                elif event == "started":
                    watcher.started(number, groups[number])
                elif event == "advanced":
                    watcher.advanced(number, value)
                else:
                    watcher.finished(number, failure(groups[number], store))
                    left -= 1
        finally:
            for worker in crew:
                worker.stop()
            for thread in threads:
                thread.join()
