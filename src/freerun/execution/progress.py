"""Progress of a sweep, as a user sees it while groups train.

On a terminal one live bar a group; elsewhere one line a finished group.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from freerun.execution.planned_run import Planned
from freerun.io.text import one_line


class Watcher(Protocol):
    """Receiver of the progress of groups."""

    def started(self, number: int, group: list[Planned]) -> None:
        """A worker has taken a group."""

    def advanced(self, number: int, values: dict[str, Any]) -> None:
        """A group has made updates."""

    def finished(self, number: int, reason: str | None) -> None:
        """A group is done, or has failed for the given reason."""


class _Rate(ProgressColumn):
    """Updates a second, of all replicas of the group together."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{(speed or 0) * task.fields['runs']:6.0f} updates/s", style="dim")


class Lines:
    """Progress for logs: one line a finished group."""

    def __init__(self, total: int) -> None:
        self.total, self.closed, self.began = total, 0, time.monotonic()
        self.open: dict[int, tuple[str, float]] = {}
        self.values: dict[int, dict[str, float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def started(self, number: int, group: list[Planned]) -> None:
        self.open[number] = (title(group), time.monotonic())

    def advanced(self, number: int, values: dict[str, Any]) -> None:
        self.values.setdefault(number, {}).update(values)

    def finished(self, number: int, reason: str | None) -> None:
        self.closed += 1
        name, began = self.open[number]
        end = losses(self.values.get(number, {})) if reason is None else f"FAILED: {one_line(reason)}"
        print(f"[{self.closed}/{self.total}] {name}  {time.monotonic() - began:.0f} s  {end}", flush=True)


class Bars:
    """Progress for a terminal: a bar a group, with updates/s, time left, forced and free loss."""

    def __init__(self, total: int) -> None:
        self.total, self.closed = total, 0
        self.tasks: dict[int, TaskID] = {}
        self.names: dict[int, str] = {}
        self.progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"), _Rate(), TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}", markup=False), console=Console(), transient=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()

    def started(self, number: int, group: list[Planned]) -> None:
        updates = group[0].experiment.training.end
        self.names[number] = title(group)
        self.tasks[number] = self.progress.add_task(title(group), total=updates, losses="", runs=len(group))

    def advanced(self, number: int, values: dict[str, Any]) -> None:
        if "said" in values:
            self.names[number] += f"  {values['said']}"
            return
        self.progress.update(self.tasks[number], completed=values["update"])
        if shown := losses(values):
            self.progress.update(self.tasks[number], losses=shown)

    def finished(self, number: int, reason: str | None) -> None:
        self.closed += 1
        self.progress.remove_task(self.tasks[number])
        mark = Text("done", "green") if reason is None else Text("failed", "red")
        text = "" if reason is None else f": {one_line(reason)}"
        line = mark.append(f" {self.closed}/{self.total}  {self.names[number]}{text}", "default")
        self.progress.console.print(line, highlight=False)


def title(group: list[Planned]) -> str:
    """Return the title of a group: task, model, how it is fed, number of runs."""
    fed = "forced" if group[0].experiment.regime.feeder().forced else "closed loop"
    return f"{group[0].label}, {fed} x {len(group)}"


def losses(values: dict[str, Any]) -> str:
    """Return the validation losses among the values in words, "" without any; or what was said of a group without training."""
    if "said" in values:
        return str(values["said"])
    forced, free = values.get("validation_forced_loss"), values.get("validation_free_loss")
    return "" if forced is None or free is None else f"validation loss {forced:.3g} forced, {free:.3g} free"


def watcher(total: int) -> Lines | Bars:
    """Bars on a terminal, lines elsewhere."""
    return Bars(total) if sys.stdout.isatty() else Lines(total)
