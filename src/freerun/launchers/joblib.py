"""How are groups trained by joblib? In its pool of processes, or in whatever backend of joblib is active around the call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from freerun.grouping import Planned
from freerun.launchers import Launcher, needs
from freerun.launchers._following import Following
from freerun.progress import Watcher
from freerun.store import Store
from freerun.workers import Terms, serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(kw_only=True)
class Joblib(Launcher):
    """joblib's pool of processes on this machine (extra joblib)."""

    def check(self) -> None:
        needs("joblib", "joblib", "launcher=joblib")

    def launch(self, groups: Sequence[list[Planned]], store: Store, watcher: Watcher) -> None:
        from joblib import Parallel, delayed

        place = str(store.root.resolve())
        jobs = (delayed(_job)(place, [run.id for run in group], self.terms, number) for number, group in enumerate(groups))
        most = min(self.at_once, len(groups))
        pool = Parallel(n_jobs=most, return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1)
        with Following(groups, store, watcher) as following:
            done: Iterator[int] = pool(jobs)
            for number in done:
                following.close(number)


def _job(store: str, runs: list[str], terms: Terms, number: int) -> int:
    serve(store, runs, terms)
    return number
