"""Logs of a group of runs while it trains: each run's curves to its own log of every tracker, and to who waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile

from freerun.engine.training import Outcome, Point
from freerun.execution.planned_run import Planned, flat_settings
from freerun.execution.run_logs import FOLDER, Logged, RunLog, Told, known
from freerun.io import links
from freerun.io.text import one_line
from freerun.store import run_notes
from freerun.store.records import Store


@dataclass(kw_only=True)
class GroupLogs:
    """The logs of a group of runs, and whoever else is told.

    Attributes:
        trackers: by name.
        told: is told of every logged update too; None for nobody.
    """

    store: Store
    runs: Sequence[Planned]
    trackers: Sequence[str]
    told: Told | None = None
    _open: dict[tuple[str, str], RunLog] = field(default_factory=dict)
    _given_up: set[str] = field(default_factory=set)
    _begun: bool = False

    def follow(self, update: int, outcomes: Sequence[Outcome]) -> None:
        """Pass on the points of an update that was just logged; with the first one all that are there before it."""
        for run, outcome in zip(self.runs, outcomes, strict=True):
            points = _by_update(outcome.curves if not self._begun else _at(update, outcome.curves))
            if points:
                self._to_trackers(run, partial(_write, points=points))
            if self.told is not None and points and points[-1][0] == update:
                self.told(run.trained, *points[-1])
        self._begun = True

    def close(self, outcomes: Sequence[Outcome] | None) -> None:
        """End all logs; None where training came to no end."""
        for number, run in enumerate(self.runs):
            status = "failed" if outcomes is None else "done" if outcomes[number].broke is None else "diverged"
            self._to_trackers(run, partial(_close, status=status), begun=True)

    def _to_trackers(self, run: Planned, act: Callable[[RunLog], None], *, begun: bool = False) -> None:
        """Have the logs of a run do something, those that are open or, unless only `begun` ones are meant, new ones."""
        for tracker in self.trackers:
            if tracker not in self._given_up and (not begun or (tracker, run.trained) in self._open):
                self._safely(tracker, act, run)

    def _safely(self, tracker: str, act: Callable[[RunLog], None], run: Planned) -> None:
        """Have a log do something; if it fails the tracker is given up for this group, and the run goes on."""
        try:
            key = tracker, run.trained
            if key not in self._open:
                logs = self.store.root.absolute().parent / FOLDER
                links.demand_none(logs)  # a log replaces what is there of it
                self._open[key] = known()[tracker](logs / tracker, _logged(run))
            act(self._open[key])
        except (Exception, SystemExit) as fault:
            self._given_up.add(tracker)
            reason = one_line(f"{type(fault).__name__}: {fault}", 160)
            run_notes.leave(self.store, run.trained, f"log={tracker} was given up, and the runs went on: {reason}")


def _logged(run: Planned) -> Logged:
    words = [str(run.tree[axis]["name"]) for axis in ("task", "model", "regime")]
    name = "-".join([*words, f"seed{run.tree['seed']}", run.trained])
    return Logged(run=run.trained, name=name, settings={**flat_settings(run.tree), "seed": run.tree["seed"]})


def _write(log: RunLog, points: Sequence[tuple[int, dict[str, float]]]) -> None:
    log.write(points)


def _close(log: RunLog, status: str) -> None:
    log.close(status)


def _at(update: int, curves: Sequence[Point]) -> list[Point]:
    """Return the points of an update, which stand at the end, if they are there."""
    return list(takewhile(lambda point: point.update == update, reversed(curves)))[::-1]


def _by_update(points: Sequence[Point]) -> list[tuple[int, dict[str, float]]]:
    """Return what was logged at each update; a value that is not finite is left out."""
    values: dict[int, dict[str, float]] = {}
    for point in points:
        of_update = values.setdefault(point.update, {})
        if point.value is not None:
            of_update[point.quantity] = point.value
    return list(values.items())
