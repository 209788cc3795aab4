"""Launcher `joblib`: groups in joblib's pool of processes, or in whichever backend is active around the call."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING, ClassVar

from freerun.errors import FreerunError
from freerun.execution.launchers import Launcher, needs
from freerun.execution.launchers._following import Following
from freerun.execution.planned_run import Planned
from freerun.execution.progress import Watcher
from freerun.execution.worker_supervisor import Terms, serve
from freerun.store.records import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds between two looks whether the parent is there; so many pools may be killed before the sweep is given up.
PERIOD, POOLS = 1.0, 8


@dataclass(kw_only=True)
class Joblib(Launcher):
    """joblib's pool of processes on this machine (extra joblib)."""

    stops: ClassVar[bool] = True

    def check(self) -> None:
        needs("joblib", "joblib", "launcher=joblib")

    def launch(self, groups: Sequence[list[Planned]], store: Store, watcher: Watcher) -> None:
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import BrokenProcessPool

        place, left, broken = str(store.root.resolve()), dict(enumerate(groups)), 0
        with Following(groups, store, watcher) as following:
            while left and not self.over:
                pool = Parallel(
                    n_jobs=min(self.at_once, len(left)), return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
                )
                begun = takewhile(lambda _: not self.over, list(left.items()))
                jobs = (delayed(_job)(place, [run.id for run in group], self.terms, n) for n, group in begun)
                try:
                    done: Iterator[int] = pool(jobs)
                    for number in done:
                        del left[number]
                        following.close(number)
                except BrokenProcessPool:  # a process of the pool was killed, and with it the pool: the rest in a new one
                    broken += 1
                    if broken > POOLS:
                        raise FreerunError(f"launcher=joblib: {broken} pools of processes were killed in turn") from None


def _job(store: str, runs: list[str], terms: Terms, number: int) -> int:
    _end_with_parent()
    serve(store, runs, terms)
    return number


@cache
def _end_with_parent() -> None:
    """Have this process of the pool end when the one that started it has been killed."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PERIOD)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
