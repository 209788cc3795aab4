"""Times of rows: the column that says when a row is, as declared, or where one plainly does.

A column of dates comes first, then numbers that are dates (20210131, seconds since 1970), then a year with a month and what is
finer, then a column that is named so, then one that counts the rows.
"""

from __future__ import annotations

import numpy as np

from freerun.errors import ConfigError
from freerun.io.text import one_line
from freerun.parts.tasks import _calendar_columns, _dates
from freerun.parts.tasks._counters import LEAST, calendar_part, counts_rows, goes_one_way
from freerun.parts.tasks._dates import Axis
from freerun.parts.tasks._table_cells import Column

#: Names, in small letters, of columns that tell the time of their rows.
_TIME = frozenset(
    ("time", "t", "date", "datetime", "timestamp", "ts", "ds", "epoch", "unix", "unixtime", "unix_time", "seconds", "sec", "s",
     "millis", "ms", "hours", "days", "zeit", "datum", "temps", "fecha", "step", "steps", "tick")
)  # fmt: skip
_YEAR = frozenset(("year", "yr", "jahr"))
#: Names of columns with the hour of the day; the share of steps that do not fall, from which numbers may be hours.
_HOUR, _RISES = frozenset(("hour", "hr", "stunde", "hourofday", "hour_of_day", "hod", "hhmm")), 0.8
#: How many hours, halves, quarters, tens and fives of minutes, minutes and seconds a day has.
_OF_A_DAY = (24, 48, 96, 144, 288, 1440, 86400)


def declared(column: Column, form: str | None, origin: str) -> Axis:
    """Return the times of the rows from the column that is declared to have them.

    Args:
        column: of dates or numbers.
        form: how dates are written, as `strptime` has it; None for ISO 8601.
        origin: of the table, for messages.

    Raises:
        ConfigError: naming the first row that has none.
    """
    elapsed = column.kind == "durations"
    if column.kind == "dates" or len(column.other) or not (column.numeric or elapsed):
        return _dated(column, form, origin)
    if column.missing.any():
        raise _no_date(column, int(np.flatnonzero(column.missing)[0]), form, origin)
    if elapsed:
        return Axis(name=column.name, at=column.numbers, unit="")
    moments = _stamps(column, declared=True)
    if form is not None and column.texts is not None:
        return _dated(column, form, origin)
    return Axis(name=column.name, at=column.numbers, unit="") if moments is None else _of_moments(column, moments, origin)


def recognised(columns: list[Column], form: str | None, ids: np.ndarray | None, origin: str) -> Axis | None:
    """Return the times of the rows from the column that plainly has them; None if none does.

    Args:
        columns: that no setting names.
        form: how dates are written, as `strptime` has it; None for ISO 8601.
        ids: to which series every row belongs; None for one.
        origin: of the table, for messages.

    Raises:
        ConfigError: if it could be several, or is no time in some row.
    """
    dates = [column for column in columns if _holds_dates(column, form)]
    if len(dates) > 1:
        names = ", ".join(one_line(column.name, 30) for column in dates[:4])
        clock = next((column for column in dates if _holds_clocks(column)), None)
        if clock is not None:
            raise ConfigError(f"{origin}: {names} are days and times of day; make one column of them, or see task.date")
        raise ConfigError(f"{origin}: several columns hold dates, {names}; task.date= names the one that counts")
    dates = dates or [column for column in columns if _resembles_dates(column)]
    if dates:
        return _dated(dates[0], form, origin)
    elapsed = [column for column in columns if column.kind == "durations" and goes_one_way(column)]
    if elapsed:
        return declared(elapsed[0], None, origin)
    numeric = [column for column in columns if column.sound and len(column.numbers) >= 2]
    for column in numeric:
        if (moments := _stamps(column)) is not None:
            return _of_moments(column, moments, origin)
    for column in numeric:
        _demand_clear(column, origin)
    if (axis := _calendar_columns.axis(numeric, ids, origin)) is not None:
        return axis
    for column in numeric:
        if column.name.lower() in _TIME:
            return _named(column, origin)
    for column in numeric:
        if counts_rows(column) or (column.name.lower() in _YEAR and goes_one_way(column)):
            return Axis(name=column.name, at=column.numbers, unit="")
    return None


def needless(column: Column, axis: Axis | None) -> str | None:
    """Return why a column is left out though it holds numbers, in a few words: it numbers rows or tells their time."""
    if calendar_part(column):
        return "a part of the calendar"
    if column.sound and counts_rows(column):
        return "numbers the rows"
    timed = column.sound and axis is not None and len(column.numbers) >= LEAST
    if timed and (_stamps(column) is not None or _by_day(column) is not None):
        return "a time stamp"
    return None


def _demand_clear(column: Column, origin: str) -> None:
    """Refuse numbers that are dates whose digits begin with the day or the month."""
    if (form := _by_day(column)) is not None:
        name = one_line(column.name, 30)
        dates = "make dates of it" if column.texts is None else f"task.date={name} task.date_format={form}"
        reason = f"reads as dates, {column.cell(0)}; if so, {dates}; if not, task.date=none and task.columns"
        raise ConfigError(f"{origin}: column {name!r} {reason}")


def _by_day(column: Column) -> str | None:
    """Return the form of numbers that are dates whose digits begin with the day or the month; None for others."""
    for count in (50, len(column.numbers)):
        texts = [column.text(row).strip() for row in range(min(count, len(column.numbers)))]
        if len(texts) < LEAST or (form := _dates.digits_by_day(texts)) is None:
            return None
    return form


def _stamps(column: Column, *, declared: bool = False) -> np.ndarray | None:
    """Return numbers that are dates as dates; None for others."""
    named = declared or column.name.lower() in _TIME
    if not (column.whole or named) or not np.isfinite(column.numbers).all():
        return None
    moments = _dates.compact(column.numbers)
    moments = _dates.unix(column.numbers) if moments is None else moments
    if moments is None or len(np.unique(moments)) < 2:
        return None
    return moments if named or goes_one_way(column) else None


def _holds_dates(column: Column, form: str | None) -> bool:
    if column.kind == "dates" or column.kind.startswith("time"):
        return True
    if form is not None and column.texts is not None and column.sound:
        return not _dates.parsed(column.texts[:50].to_pylist(), form)[1]
    if column.texts is None or column.numeric or not len(column.other):
        return False
    texts = [column.text(row) for row in column.other[:50].tolist()]
    _, bad = _dates.parsed(list(texts), form)
    named = column.name.lower() in _TIME and any(letter.isdigit() for text in texts for letter in text)
    return len(bad) < len(texts) / 2 or any(_dates.unclear(text) for text in texts) or named


def _holds_clocks(column: Column) -> bool:
    """Whether a column holds times of day."""
    if column.kind.startswith("time"):
        return True
    return column.kind == "" and column.texts is not None and _dates.is_clock(column.text(0))


def _resembles_dates(column: Column) -> bool:
    """Whether a column holds dates in words, quarters or times of day, which only a declared format can read."""
    if column.kind or column.texts is None or column.numeric or not len(column.other):
        return False
    texts = [column.text(row) for row in column.other[:50].tolist()]
    return len(set(texts)) > 1 and all(map(_dates.resembles, texts))


def _dated(column: Column, form: str | None, origin: str) -> Axis:
    if column.kind == "dates":
        if column.missing.any():
            raise _no_date(column, int(np.flatnonzero(column.missing)[0]), form, origin)
        moments = _dates.of_arrow(column.texts)
        if len(outside := np.flatnonzero((moments < _dates.FIRST) | (moments > _dates.LAST))):
            where = f"column {one_line(column.name, 30)!r}, row {int(outside[0]) + 1}"
            raise ConfigError(f"{origin}: {where}: outside of the years 1 to 9999; task.date=none takes rows as they stand")
        return _of_moments(column, moments, origin)
    if column.texts is None:
        name = one_line(column.name, 30)
        raise ConfigError(
            f"{origin}: column {name!r} holds {column.kind}, no dates; task.date=none takes the rows as they stand"
        )
    texts = column.texts.to_pylist()
    moments, bad = _dates.parsed(texts, form)
    if bad:
        raise _no_date(column, bad[0], form, origin)
    if form is None and _dates.zones(texts):
        raise ConfigError(f"{origin}: column {one_line(column.name, 30)!r}: some dates name a time zone, others do not")
    return _of_moments(column, moments, origin)


def _of_moments(column: Column, moments: np.ndarray, origin: str) -> Axis:
    """Return the times of the rows from dates, if microseconds tell them apart."""
    if column.texts is not None and (row := _dates.finer(column.texts, moments)) is not None:
        where = f"column {one_line(column.name, 30)!r}, row {row + 1}"
        raise ConfigError(f"{origin}: {where}: finer than a microsecond, the least that is told; task.date=none, or numbers")
    return _dates.axis(column.name, moments)


def demand_whole(axis: Axis, others: list[Column], ids: np.ndarray | None, origin: str) -> None:
    """Refuse days that come again and again where another column holds the hour of the day.

    Args:
        axis: the time of the rows.
        others: the other columns.
        ids: to which series every row belongs; None for one.
        origin: of the table, for messages.
    """
    if axis.unit != "us" or (axis.at % _dates.DAY).any():
        return
    of_series = axis.at if ids is None else np.stack([axis.at, ids], 1)
    if len(np.unique(of_series, axis=0)) * 2 > len(axis.at):
        return
    clock = next((column for column in others if _within_a_day(column)), None)
    if clock is not None:
        day, name, hours = one_line(axis.name, 30), one_line(clock.name, 30), _is_hour(clock)
        names = f"{day!r} holds days and {name!r} {'hours' if hours else 'what is finer'}"
        other = "task.date=none task.id=none" if hours else f"if it tells series apart, task.id={name}"
        raise ConfigError(f"{origin}: {names}; make one column of dates of both, or {other}")


def _within_a_day(column: Column) -> bool:
    """Whether a column holds hours, or halves, quarters, minutes or seconds of a day by their number, whatever it is called."""
    if _is_hour(column):
        return True
    if not column.sound or len(column.numbers) < LEAST:
        return False
    steps = np.diff(np.unique(column.numbers))
    if len(steps) < LEAST or np.ptp(steps) > 1e-6 * steps[0]:
        return False
    span = float(np.ptp(column.numbers) + steps[0])
    return any(abs(span - size) < 1e-6 * size for size in _OF_A_DAY) and _rises(column)


def _is_hour(column: Column) -> bool:
    """Whether a column holds the hour of the day, 0 to 24 by the step or a fraction of it, whatever it is called."""
    if not column.sound or len(column.numbers) < LEAST:
        return False
    numbers = column.numbers
    named = column.name.lower() in _HOUR and calendar_part(column)
    return named or bool(column.whole and 0 <= numbers.min() <= 1 and 23 <= numbers.max() <= 24 and _rises(column))


def _rises(column: Column) -> bool:
    return float((np.diff(column.numbers) >= 0).mean()) > _RISES


def _no_date(column: Column, row: int, form: str | None, origin: str) -> ConfigError:
    text = column.text(row)
    settings = _dates.unclear(text) if form is None else None
    hint = (
        f"day or month first? {settings}" if settings else "see task.date_format; task.date=none takes the rows as they stand"
    )
    where = f"{origin}: column {one_line(column.name, 30)!r}, row {row + 1}"
    return ConfigError(f"{where}: {one_line(text, 30) or 'nothing'} is no date that is known; {hint}")


def _named(column: Column, origin: str) -> Axis:
    """Return the times of the rows from numbers in a column that is named so, if they go by time."""
    if not goes_one_way(column) and not column.unique:
        name = one_line(column.name, 30)
        raise ConfigError(
            f"{origin}: column {name!r}: is it the time of a row, task.date={name}, or a value? then name it in task.columns"
        )
    return Axis(name=column.name, at=column.numbers, unit="")
