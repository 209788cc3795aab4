"""Launcher `ray`: groups as tasks of a Ray cluster, or of a Ray started on this machine for the time being."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from freerun.errors import ConfigError, FreerunError
from freerun.execution import bisection
from freerun.execution.launchers import Launcher, needs
from freerun.execution.launchers._following import Following
from freerun.execution.planned_run import Planned
from freerun.execution.progress import Watcher
from freerun.execution.worker_supervisor import Terms, serve
from freerun.io.text import one_line
from freerun.store.records import Store


@dataclass(kw_only=True)
class Ray(Launcher):
    """Tasks of a Ray cluster (extra ray, in an environment of its own).

    Attributes:
        address: of the cluster; None starts one on this machine and stops it at the end.
    """

    address: str | None = None

    def check(self) -> None:
        if self.address is not None and self.workers is not None:
            raise ConfigError(
                f"launcher.workers={self.workers}: a cluster that is there (launcher.address) has as many as it has room for; "
                "leave one of them out"
            )
        handler = signal.getsignal(signal.SIGTERM)
        needs("ray", "ray", "launcher=ray")
        with suppress(ValueError):  # only the main thread has signals
            signal.signal(signal.SIGTERM, handler)  # which ray takes for itself when it is imported

    def launch(self, groups: Sequence[list[Planned]], store: Store, watcher: Watcher) -> None:
        import ray

        options = {"num_cpus": self.at_once * self.threads, "include_dashboard": False} if self.address is None else {}
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level="error", **options)
        except Exception as fault:
            raise FreerunError(f"launcher=ray: {one_line(fault, 140)}") from None
        place, task = str(store.root.resolve()), ray.remote(num_cpus=self.threads, max_retries=0)(_task)
        jobs: dict[Any, tuple[int, list[str]]] = {}

        def submit(number: int, runs: list[str]) -> None:
            jobs[task.remote(place, runs, self.terms)] = number, runs

        for number, group in enumerate(groups):
            submit(number, [run.id for run in group])
        try:
            with Following(groups, store, watcher) as following:
                while jobs:
                    (job,), _ = ray.wait(list(jobs))
                    number, runs = jobs.pop(job)
                    try:
                        ray.get(job)
                    except Exception as fault:
                        for half in bisection.halves(runs, store, f"the task ended: {one_line(fault, 120)}"):
                            submit(number, half)
                    if number not in {unfinished for unfinished, _ in jobs.values()}:
                        following.close(number)
        finally:
            with suppress(Exception):
                for job in jobs:
                    ray.cancel(job, force=True)
            ray.shutdown()


def _task(store: str, runs: list[str], terms: Terms) -> None:
    serve(store, runs, terms)
