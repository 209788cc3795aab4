"""Launcher `inline`: groups in this very process, one after the other, for a debugger, a profiler, a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from freerun.errors import ConfigError
from freerun.execution.launchers import Launcher
from freerun.execution.planned_run import Planned
from freerun.execution.progress import Watcher
from freerun.parts.plugins import plugin_files
from freerun.store.records import Store


@dataclass(kw_only=True)
class Inline(Launcher):
    """This process, one group after the other. A run that kills its process ends the sweep; the same command goes on."""

    own_process: ClassVar[bool] = True
    stops: ClassVar[bool] = True
    hears: ClassVar[bool] = True

    def check(self) -> None:
        for name, value in (("workers", self.workers), ("time_limit", self.time_limit)):
            if value not in (None, 1):
                raise ConfigError(f"launcher.{name}={value:g}: launcher=inline has no worker to apply it to; choose local")

    @property
    def at_once(self) -> int:
        return 1

    def launch(self, groups: Sequence[list[Planned]], store: Store, watcher: Watcher) -> None:
        from freerun.execution.group_runner import prepare
        from freerun.execution.worker_process import serve

        prepare(self.threads, self.engine)
        for number, group in enumerate(groups):
            if self.over:
                break
            watcher.started(number, group)

            def tell(event: str, number: int = number, **values: Any) -> None:
                watcher.advanced(number, values)

            serve(
                store,
                [run.id for run in group],
                self.checkpoint,
                tell,
                plugin_files(),
                self.terms.log,
                curves=self.terms.curves,
            )
            watcher.finished(number, failure(group, store))


def failure(group: list[Planned], store: Store) -> str | None:
    """Return in words how many runs of a group have failed, and why; None if none has."""
    reasons = [reason for run in group if (reason := store.failures.reason(run.id)) is not None]
    return f"{len(reasons)} of {len(group)} runs, {'; '.join(sorted(set(reasons)))}" if reasons else None
