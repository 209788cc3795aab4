"""Columns that count: row numbers, parts of the calendar, counters that begin anew, and those that only rise.

None of them is a value to forecast unless a setting names it.
"""

from __future__ import annotations

import numpy as np

from freerun.parts.tasks._table_cells import Column

#: Names, in small letters, of columns that number rows, and of parts of the calendar with the numbers that these have.
_INDEX = frozenset(
    ("", "index", "idx", "row", "rows", "rownum", "row_number", "row number", "no", "no.", "nr", "nr.", "#", "record", "obs",
     "n", "__index_level_0__", "unnamed: 0")
)  # fmt: skip
_CALENDAR = {
    "year": (1500, 2200), "yr": (1500, 2200), "jahr": (1500, 2200), "quarter": (1, 4), "month": (1, 12), "monat": (1, 12),
    "mo": (1, 12), "month_of_year": (1, 12), "week": (1, 53), "weekofyear": (1, 53), "week_of_year": (1, 53), "day": (1, 31),
    "tag": (1, 31), "dom": (1, 31), "mday": (1, 31), "dayofmonth": (1, 31), "day_of_month": (1, 31), "dayofweek": (0, 7),
    "day_of_week": (0, 7), "weekday": (0, 7), "dow": (0, 7), "wday": (0, 7), "dayofyear": (1, 366), "day_of_year": (1, 366),
    "doy": (1, 366), "yday": (1, 366), "hour": (0, 24), "hr": (0, 24), "stunde": (0, 24), "hourofday": (0, 24),
    "hour_of_day": (0, 24), "hod": (0, 24), "hhmm": (0, 2400), "minute": (0, 60), "second": (0, 60),
}  # fmt: skip
#: Parts of the calendar that may have fractions, as half hours.
_DIVIDED = frozenset(("hour", "hr", "stunde", "hourofday", "hour_of_day", "hod", "minute", "second"))
#: The share of steps that go one way, from which numbers go by time; the fewest rows of which the form says what they are; by
#: how much of a step a count may be uneven; the fewest numbers of a round.
_MOST, LEAST, _EVEN, _ROUND = 0.9, 8, 1e-3, 5


def calendar_part(column: Column) -> bool:
    """Whether a column is named as a part of the calendar and has its numbers."""
    low, high = _CALENDAR.get(column.name.lower(), (1, 0))
    counts = column.whole or (column.name.lower() in _DIVIDED and column.sound)
    return counts and bool(low <= column.numbers.min() and column.numbers.max() <= high)


def counts_rows(column: Column) -> bool:
    """Whether a column counts its rows: in even steps, or it is named so and holds whole numbers that do not repeat."""
    name, size = column.name.lower(), len(column.numbers)
    if name in _INDEX and column.whole and (column.unique or goes_one_way(column)):
        return size >= 2
    if size < LEAST or not np.isfinite(column.numbers).all():
        return False
    if name == "id" and column.whole and column.unique and np.ptp(column.numbers) == size - 1:
        return True  # the numbers of all rows, in whatever order
    steps, rounding = np.diff(column.numbers), 4 * np.finfo(float).eps * np.abs(column.numbers).max()
    return bool(np.abs(steps.mean()) > 10 * rounding and np.allclose(steps, steps.mean(), rtol=_EVEN, atol=rounding))


def goes_one_way(column: Column) -> bool:
    """Whether most steps of a column go one way."""
    steps = np.diff(column.numbers)
    return bool(len(steps)) and max(float((steps > 0).mean()), float((steps < 0).mean())) >= _MOST


def begins_anew(column: Column, *, held: bool) -> int | None:
    """Return the row, counted from 0, in which a counter begins anew; None if a column is none.

    Args:
        column: whole numbers that go up in even steps, and from wherever they are back to the least.
        held: a number may stand in several rows, one below the other.
    """
    if len(column.numbers) < LEAST or not column.whole:
        return None
    steps = np.diff(column.numbers)
    back, up = np.flatnonzero(steps < 0), steps[steps > 0]
    if not len(back) or not len(up) or (not held and not steps.all()) or np.ptp(up) > 0:
        return None
    least = column.numbers.min()
    anew = (column.numbers[back + 1] == least).all() and (column.numbers[back] >= least + (_ROUND - 1) * up[0]).all()
    return int(back[0]) + 1 if anew else None


def only_goes_one_way(column: Column, ids: np.ndarray | None, *, evenly: bool) -> bool:
    """Whether a column rises, or falls, in every row of every series.

    Args:
        column: of numbers.
        ids: to which series every row belongs; None for one.
        evenly: mostly by the same step.
    """
    if not column.sound or len(column.numbers) < LEAST:
        return False
    order = np.arange(len(column.numbers)) if ids is None else np.argsort(ids, kind="stable")
    steps = np.diff(column.numbers[order])
    if ids is not None:
        steps = steps[np.diff(ids[order]) == 0]
    if not len(steps) or not ((steps > 0).all() or (steps < 0).all()):
        return False
    return not evenly or bool((np.abs(steps / np.median(steps) - 1) <= _EVEN).mean() > 0.5)
