"""Launcher `local`: groups in worker processes of this machine, one a core or so many a GPU."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

from freerun.errors import ConfigError, require
from freerun.execution import gpus
from freerun.execution.launchers import Launcher
from freerun.execution.launchers.inline import failure
from freerun.execution.planned_run import Planned, titles
from freerun.execution.progress import Watcher
from freerun.execution.worker_supervisor import Worker
from freerun.store.records import Store


@dataclass(kw_only=True)
class Local(Launcher):
    """Worker processes on this machine, one a core, one thread each.

    Attributes:
        per_gpu: workers on each GPU (device=cuda), which see no other; null for workers by cores, which see all GPUs.
    """

    stops: ClassVar[bool] = True
    hears: ClassVar[bool] = True

    per_gpu: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.per_gpu is None or 1 <= self.per_gpu <= 1024, "per_gpu", self.per_gpu, "be from 1 to 1024")

    @cached_property
    def places(self) -> list[str]:
        """The GPU of each worker, one after the other, so that few workers share none; none where nobody asked for it."""
        return [] if self.per_gpu is None else gpus.visible() * self.per_gpu

    @property
    def at_once(self) -> int:
        return self.workers or len(self.places) or super().at_once

    def placement(self, count: int) -> str:
        return "" if self.per_gpu is None else gpus.told(self.places[:count])

    def check(self) -> None:
        if self.per_gpu is None:
            return
        if not self.places:
            raise ConfigError(f"launcher.per_gpu={self.per_gpu}: this machine shows no CUDA device to torch; leave it out")
        if self.workers is not None and self.workers > len(self.places):
            raise ConfigError(
                f"launcher.workers={self.workers}: there is room for {gpus.told(self.places)}; "
                "raise launcher.per_gpu, or leave launcher.workers out"
            )

    def demand_engine(self, runs: Iterable[Planned]) -> None:
        every = list(runs)
        self.check()  # which nobody has done to one that was made in Python
        super().demand_engine(every)
        if self.per_gpu is not None and (others := [run for run in every if run.experiment.device == "cpu"]):
            title = titles({run.id: run.tree for run in others})[others[0].id]
            raise ConfigError(
                f"launcher.per_gpu={self.per_gpu}: {title} computes on the processor; set device=cuda, or leave per_gpu out"
            )

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

        count = min(self.at_once, len(groups))
        crew = [Worker(self.terms, self.places[number] if self.places else None) for number in range(count)]
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
