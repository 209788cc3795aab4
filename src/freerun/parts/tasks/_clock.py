"""Clock of a series: where a row stands in time as a date, the dates that follow, and the season of a step."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from jaxtyping import Int

from freerun.parts.tasks._dates import DAY, EPOCH, Axis

#: Steps of a year by the months of one step, and by its days.
_YEAR = {1: 12, 3: 4}
_WEEK = 52


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The times of a table's rows.

    Attributes:
        name: of the column.
        unit: as `Axis` has it: `us` for dates in microseconds, `months`, or "" for plain numbers.
        step: the distance of neighbours, in that unit; None where rows are taken as equally spaced whatever their dates say.
        of_month: of months, the day on which all dates fall, 31 for the last, and the microseconds of that day.
    """

    name: str
    unit: str
    step: float | None
    of_month: tuple[int, int] = (1, 0)

    def after(self, at: float, steps: int) -> np.ndarray:
        """Return where the next rows stand after one that stands at `at`."""
        return at + (self.step or np.nan) * np.arange(1, steps + 1)

    def moments(self, at: np.ndarray) -> Int[np.ndarray, " S"] | None:
        """Return the dates of rows in microseconds since 1970; None where the times are plain numbers."""
        if self.unit == "":
            return None
        if self.unit == "us":
            return np.round(at).astype(np.int64)
        day, of_day = self.of_month
        return np.array([_in_month(int(month), day) + of_day for month in np.round(at)], dtype=np.int64)

    @property
    def season(self) -> int | None:
        """The steps of a year for months and quarters, of a day for hours down to seconds, of a week for days, else None."""
        if self.step is None or self.unit == "":
            return None
        if self.unit == "months":
            return _YEAR.get(int(self.step)) if self.step == round(self.step) else None
        if self.step < 1_000_000:
            return None
        if self.step < DAY:
            return int(DAY // self.step) if DAY % self.step == 0 else None
        return {DAY: 7, 7 * DAY: _WEEK}.get(int(self.step))


def clock(axis: Axis, step: float | None) -> Clock:
    """Return the clock of rows that are a step apart."""
    if axis.unit != "months" or axis.moments is None:
        return Clock(name=axis.name, unit=axis.unit, step=step)
    days = [EPOCH + timedelta(microseconds=int(moment)) for moment in np.unique(axis.moments)[:24]]
    last = all((day + timedelta(days=1)).month != day.month for day in days)
    return Clock(name=axis.name, unit=axis.unit, step=step, of_month=(31 if last else days[0].day, int(axis.moments[0]) % DAY))


def _in_month(month: int, day: int) -> int:
    """Return the midnight of a day of a month, counted from the year 0, or of its last, in microseconds since 1970."""
    year, number = divmod(month - 1, 12)
    of_year = EPOCH.replace(year=year, month=number + 1, day=min(day, calendar.monthrange(year, number + 1)[1]))
    return (of_year - EPOCH) // timedelta(microseconds=1)


def written(moments: Int[np.ndarray, " S"] | None, at: np.ndarray) -> list[str | float]:
    """Return the times of rows for people and JSON: dates as ISO 8601, days without a clock, plain numbers as they are."""
    if moments is None:
        return [float(time) for time in at]
    form = "%Y-%m-%d" if not (moments % DAY).any() else "%Y-%m-%d %H:%M" if not (moments % 60_000_000).any() else ""
    dates = [EPOCH + timedelta(microseconds=int(moment)) for moment in moments]
    return [date.strftime(form) if form else date.replace(tzinfo=None).isoformat(sep=" ") for date in dates]
