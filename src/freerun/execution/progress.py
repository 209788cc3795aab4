"""Progress of a sweep, as a user sees it while groups train.

On a terminal and in a notebook one live bar for all runs and one a group; elsewhere one line a finished group.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from freerun.execution.group_titles import group_titles
from freerun.execution.planned_run import Planned
from freerun.execution.run_logs import Told
from freerun.io import html
from freerun.io.text import one_line

#: Columns that a terminal must have for the losses beside a bar.
_ROOM_FOR_LOSSES = 120
#: How seldom the output of a notebook is drawn anew.
_SECONDS_BETWEEN = 0.25


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


@dataclass(kw_only=True)
class Pace:
    """How far all runs or a group are, and how long the rest takes at the mean speed since the first updates were told of.

    Attributes:
        title: of what it is.
        losses: what is said beside it.
        completed, total: updates; `total` is None before the first ones.
        first, began: what it had when it was first moved, which was not made in the time since, as where a run goes on; when.
    """

    title: str
    losses: str = ""
    completed: int = 0
    total: int | None = None
    first: int = 0
    began: float | None = None

    def move(self, completed: int, total: int) -> None:
        """Take over how many updates are made."""
        if self.began is None:
            self.first, self.began = completed, time.monotonic()
        self.completed, self.total = completed, total

    @property
    def share(self) -> str:
        """How far it is, or what is done before the first update and after the last."""
        if self.total is None:
            return "starts"
        return "measures" if self.completed >= self.total else f"{100 * self.completed / self.total:.0f} %"

    @property
    def left(self) -> str:
        """The time left; empty before it is known."""
        if self.total is None or self.began is None or not self.first < self.completed < self.total:
            return ""
        left = (time.monotonic() - self.began) * (self.total - self.completed) / (self.completed - self.first)
        return f"{clock(left)} left"


class _Share(ProgressColumn):
    """The share of a pace."""

    def render(self, task: Task) -> Text:
        share = task.fields["pace"].share
        return Text(share, "" if share.endswith("%") else "dim")


class _TimeLeft(ProgressColumn):
    """The time left of a pace."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["pace"].left, "cyan")


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


class _Paces:
    """Progress that is shown while it is made: a pace of all runs and one of each group that trains.

    Args:
        groups: all that will be told of, by number.
    """

    def __init__(self, groups: Sequence[list[Planned]]) -> None:
        self.groups, self.titles, self.closed = groups, group_titles(groups), 0
        self.paces: dict[int, Pace] = {}
        self.made: dict[int, int] = {}
        self.said: dict[int, str] = {}
        count = sum(map(len, groups))
        self.whole = Pace(title=f"all {count} runs" if count > 1 else "1 run")

    def moved(self) -> None:
        """Show how far the runs are now."""
        raise NotImplementedError

    def closing(self, said: str, *, failed: bool) -> None:
        """Show that a group is done or has failed."""
        raise NotImplementedError

    def started(self, number: int, group: list[Planned]) -> None:
        self.paces[number] = Pace(title=self.titles[number])
        self.moved()

    def advanced(self, number: int, values: dict[str, Any]) -> None:
        if "said" in values:
            self.said[number] = str(values["said"])
            return
        self.paces[number].move(values["update"], self._updates(number))
        self.paces[number].losses = _short(values) or self.paces[number].losses
        self._count(number, values["update"])
        self.moved()

    def finished(self, number: int, reason: str | None) -> None:
        self.closed += 1
        self._count(number, self._updates(number))
        self.paces.pop(number, None)
        text = f"  {self.said[number]}" if number in self.said else ""
        text += "" if reason is None else f": {one_line(reason)}"
        self.closing(f"{self.closed}/{len(self.groups)}  {self.titles[number]}{text}", failed=reason is not None)
        self.moved()

    def _updates(self, number: int) -> int:
        return self.groups[number][0].experiment.training.end

    def _count(self, number: int, update: int) -> None:
        """Move the pace of all runs: one step an update of a run."""
        self.made[number] = update * len(self.groups[number])
        every = sum(len(group) * self._updates(at) for at, group in enumerate(self.groups))
        self.whole.move(sum(self.made.values()), every)


class Bars(_Paces):
    """Progress for a terminal: a bar for all runs and one a group, each with its time left; beside a group its losses.

    Args:
        groups: all that will be told of, by number.
        console: where to draw; None for standard output.
    """

    def __init__(self, groups: Sequence[list[Planned]], console: Console | None = None) -> None:
        super().__init__(groups)
        self.tasks: dict[str, TaskID] = {}
        console = Console() if console is None else console
        wide = console.width >= _ROOM_FOR_LOSSES
        self.progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            BarColumn(bar_width=24 if wide else 12), _Share(table_column=Column(no_wrap=True, min_width=8)),
            _TimeLeft(table_column=Column(no_wrap=True, min_width=12)),
            *([TextColumn("{task.fields[pace].losses}", markup=False, table_column=Column(no_wrap=True))] if wide else []),
            console=console, transient=True, expand=True,
        )  # fmt: skip
        self.moved()

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()

    def moved(self) -> None:
        shown = {"all": self.whole, **{str(number): pace for number, pace in self.paces.items()}}
        for name in [name for name in self.tasks if name not in shown]:
            self.progress.remove_task(self.tasks.pop(name))
        for name, pace in shown.items():
            if name not in self.tasks:
                self.tasks[name] = self.progress.add_task(pace.title, total=None, pace=pace)
            self.progress.update(self.tasks[name], completed=pace.completed, total=pace.total)

    def closing(self, said: str, *, failed: bool) -> None:
        mark = Text("failed", "red") if failed else Text("done", "green")
        self.progress.console.print(mark.append(f" {said}", "default"), highlight=False)


class Cell(_Paces):
    """Progress for a notebook: the same bars in one output of the cell, which is drawn anew; it needs no widgets.

    Args:
        groups: all that will be told of, by number.
        display: that of IPython, which gives a handle by which an output is updated.
    """

    def __init__(self, groups: Sequence[list[Planned]], display: Callable[..., Any]) -> None:
        super().__init__(groups)
        self.display = display
        self.handle: Any = None
        self.began, self.drawn = time.monotonic(), 0.0
        self.end = ""
        self.over: list[str] = []
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self.handle = self.display(self, display_id=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.paces.clear()
        groups = "1 group" if len(self.groups) == 1 else f"{len(self.groups)} groups"
        self.end = f"{self.closed} of {groups} in {clock(time.monotonic() - self.began)}"
        self._draw()

    def moved(self) -> None:
        if time.monotonic() - self.drawn >= _SECONDS_BETWEEN:
            self._draw()

    def closing(self, said: str, *, failed: bool) -> None:
        (self.failures if failed else self.over).append(f"{'failed' if failed else 'done'} {said}")

    def _draw(self) -> None:
        self.drawn = time.monotonic()
        if self.handle is not None:
            self.handle.update(self)

    def __repr__(self) -> str:
        lines = [f"{pace.title}  {self.end or pace.share}  {pace.left}".rstrip() for pace in (self.whole, *self.paces.values())]
        return "\n".join([*lines, *self.failures])

    def _repr_html_(self) -> str:
        bars = [
            f'<tr><td style="text-align:left">{escape(pace.title)}</td>'
            f'<td><progress value="{pace.completed}" max="{pace.total or 1}"></progress></td>'
            f"<td>{escape(self.end or pace.share)}</td><td>{escape(pace.left)}</td><td>{escape(pace.losses)}</td></tr>"
            for pace in (self.whole, *self.paces.values())
        ]
        done = f"<details><summary>{len(self.over)} finished</summary>{html.lines(self.over)}</details>" if self.over else ""
        return f"<table><tbody>{''.join(bars)}</tbody></table>{html.lines(self.failures)}{done}"


def losses(values: dict[str, Any]) -> str:
    """Return the validation losses among the values in words, "" without any; or what was said of a group without training."""
    if "said" in values:
        return str(values["said"])
    shown = _short(values)
    return f"validation loss {shown}" if shown else ""


def _short(values: dict[str, Any]) -> str:
    forced, free = values.get("validation_forced_loss"), values.get("validation_free_loss")
    return "" if forced is None or free is None else f"{forced:.3g} forced, {free:.3g} free"


def watcher(groups: Sequence[list[Planned]]) -> Lines | Bars | Cell:
    """Bars on a terminal and in a notebook, lines elsewhere."""
    if (display := _display_of_notebook()) is not None:
        return Cell(groups, display)
    return Bars(groups) if sys.stdout.isatty() else Lines(groups)


def _display_of_notebook() -> Callable[..., Any] | None:
    """IPython's `display`, where this process is the kernel of a notebook; IPython is never imported for it."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        return None
    display: Callable[..., Any] = importlib.import_module("IPython.display").display
    return display
