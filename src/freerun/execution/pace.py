"""Pace of training: the seconds of an update once training runs, apart from what happens once at its beginning."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from freerun.engine.training import Listener


class Pace:
    """Times the updates of a group as they are heard of; the first one belongs to the beginning.

    Args:
        listen: what hears of each update after it.
        clock: seconds.
    """

    def __init__(self, listen: Listener, clock: Callable[[], float] = time.perf_counter) -> None:
        self._listen, self._clock = listen, clock
        self._last: float | None = None
        self._plain: list[float] = []
        self._logged: list[float] = []

    def __call__(self, update: int, values: dict[str, list[float]]) -> None:
        """Time an update that has just been made, and pass it on."""
        now = self._clock()
        if self._last is not None:
            (self._logged if values else self._plain).append(now - self._last)
        self._listen(update, values)
        self._last = self._clock()

    def seconds(self, runs: int) -> dict[str, float]:
        """Return, for one of so many runs, `update_seconds` of an update and `logging_seconds` of what is logged after one.

        Medians; empty where there was no update but the first and logged ones.
        """
        if not self._plain:
            return {}
        plain = statistics.median(self._plain)
        logged = max(0.0, statistics.median(self._logged) - plain) if self._logged else 0.0
        return {"update_seconds": plain / runs, "logging_seconds": logged / runs}
