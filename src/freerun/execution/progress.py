"""Progress of a sweep, as a user sees it while groups train.

On a terminal one live bar for all runs and one a group; elsewhere one line a finished group.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from freerun.execution.group_titles import group_titles
from freerun.execution.planned_run import Planned
from freerun.execution.run_logs import Told
from freerun.io.text import one_line

#: Columns that a terminal must have for the losses beside a bar.
_ROOM_FOR_LOSSES = 120


class Watcher(Protocol):
    """Receiver of the progress of groups."""

    def started(self, number: int, group: list[Planned]) -> None:
        """A worker has taken a group."""

    def advanced(self, number: int, values: dict[str, Any]) -> None:
        """A group has made updates."""

    def finished(self, number: int, reason: str | None) -> None:
        """A group is done, or has failed for the given reason."""


class Hearing:
    """A watcher before another one, from which it keeps the curves of runs, of which somebody else is told."""

    def __init__(self, watcher: Watcher, told: Told) -> None:
        self.watcher, self.told = watcher, told

    def started(self, number: int, group: list[Planned]) -> None:
        self.watcher.started(number, group)

    def advanced(self, number: int, values: dict[str, Any]) -> None:
        if "at" in values:
            self.told(values["run"], values["at"], values["values"])
        else:
            self.watcher.advanced(number, values)

    def finished(self, number: int, reason: str | None) -> None:
        self.watcher.finished(number, reason)


class _Share(ProgressColumn):
    """How far a bar is, or what is done before the first update and after the last."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text("starts", "dim")
        if task.finished:
            return Text("measures", "dim")
        return Text(f"{task.percentage:.0f} %")


class _TimeLeft(ProgressColumn):
    """The time left at the mean speed since the first updates were told; empty before it is known."""

    def render(self, task: Task) -> Text:
        first, began = task.fields["first"], task.fields["began"]
        if task.total is None or began is None or task.finished or task.completed <= first:
            return Text("")
        left = (time.monotonic() - began) * (task.total - task.completed) / (task.completed - first)
        return Text(f"{clock(left)} left", "cyan")


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds: `0:01:05`."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


class Lines:
    """Progress for logs: one line a finished group."""

    def __init__(self, groups: Sequence[list[Planned]]) -> None:
        self.total, self.closed, self.began = len(groups), 0, time.monotonic()
        self.titles = group_titles(groups)
        self.open: dict[int, float] = {}
        self.values: dict[int, dict[str, float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def started(self, number: int, group: list[Planned]) -> None:
        self.open[number] = time.monotonic()

    def advanced(self, number: int, values: dict[str, Any]) -> None:
        self.values.setdefault(number, {}).update(values)

    def finished(self, number: int, reason: str | None) -> None:
        self.closed += 1
        end = losses(self.values.get(number, {})) if reason is None else f"FAILED: {one_line(reason)}"
        seconds = time.monotonic() - self.open[number]
        print(f"[{self.closed}/{self.total}] {self.titles[number]}  {seconds:.0f} s  {end}", flush=True)


class Bars:
    """Progress for a terminal: a bar for all runs and one a group, each with its time left; beside a group its losses.

    Args:
        groups: all that will be told of, by number.
        console: where to draw; None for standard output.
    """

    def __init__(self, groups: Sequence[list[Planned]], console: Console | None = None) -> None:
        self.groups, self.titles, self.closed = groups, group_titles(groups), 0
        self.tasks: dict[int, TaskID] = {}
        self.made: dict[int, int] = {}
        self.said: dict[int, str] = {}
        console = Console() if console is None else console
        wide = console.width >= _ROOM_FOR_LOSSES
        self.progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            BarColumn(bar_width=24 if wide else 12), _Share(table_column=Column(no_wrap=True, min_width=8)),
            _TimeLeft(table_column=Column(no_wrap=True, min_width=12)),
            *([TextColumn("{task.fields[losses]}", markup=False, table_column=Column(no_wrap=True))] if wide else []),
            console=console, transient=True, expand=True,
        )  # fmt: skip
        count = sum(map(len, groups))
        self.whole = self._bar(f"all {count} runs" if count > 1 else "1 run")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()

    def started(self, number: int, group: list[Planned]) -> None:
        self.tasks[number] = self._bar(self.titles[number])

    def advanced(self, number: int, values: dict[str, Any]) -> None:
        if "said" in values:
            self.said[number] = str(values["said"])
            return
        self._move(self.tasks[number], values["update"], self._updates(number))
        if shown := _short(values):
            self.progress.update(self.tasks[number], losses=shown)
        self._count(number, values["update"])

    def finished(self, number: int, reason: str | None) -> None:
        self.closed += 1
        self._count(number, self._updates(number))
        if number in self.tasks:
            self.progress.remove_task(self.tasks[number])
        mark = Text("done", "green") if reason is None else Text("failed", "red")
        text = f"  {self.said[number]}" if number in self.said else ""
        text += "" if reason is None else f": {one_line(reason)}"
        line = mark.append(f" {self.closed}/{len(self.groups)}  {self.titles[number]}{text}", "default")
        self.progress.console.print(line, highlight=False)

    def _bar(self, title: str) -> TaskID:
        return self.progress.add_task(title, total=None, first=0, began=None, losses="")

    def _updates(self, number: int) -> int:
        return self.groups[number][0].experiment.training.end

    def _count(self, number: int, update: int) -> None:
        """Move the bar of all runs: one step an update of a run."""
        self.made[number] = update * len(self.groups[number])
        every = sum(len(group) * self._updates(at) for at, group in enumerate(self.groups))
        self._move(self.whole, sum(self.made.values()), every)

    def _move(self, bar: TaskID, completed: int, total: int) -> None:
        """Move a bar; what it has when it is first moved, as where a run goes on, was not made in the time since."""
        fields = self.progress.tasks[self.progress.task_ids.index(bar)].fields
        if fields["began"] is None:
            self.progress.update(bar, first=completed, began=time.monotonic())
        self.progress.update(bar, completed=completed, total=total)


def losses(values: dict[str, Any]) -> str:
    """Return the validation losses among the values in words, "" without any; or what was said of a group without training."""
    if "said" in values:
        return str(values["said"])
    shown = _short(values)
    return f"validation loss {shown}" if shown else ""


def _short(values: dict[str, Any]) -> str:
    forced, free = values.get("validation_forced_loss"), values.get("validation_free_loss")
    return "" if forced is None or free is None else f"{forced:.3g} forced, {free:.3g} free"


def watcher(groups: Sequence[list[Planned]]) -> Lines | Bars:
    """Bars on a terminal, lines elsewhere."""
    return Bars(groups) if sys.stdout.isatty() else Lines(groups)
