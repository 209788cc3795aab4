"""Dates of rows: read by a declared or an unambiguous format, and how far apart they are.

A date becomes a whole number of microseconds. Where all dates fall on one day of their month, or on its last, months are
counted instead, so that they are equally spaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from jaxtyping import Float, Int

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DAY = 86_400_000_000
#: The dates that a calendar has, in microseconds: from the year 1 to the last day but one of 9999.
FIRST, LAST = ((datetime(*day, tzinfo=UTC) - EPOCH) // _MICROSECOND for day in ((1, 1, 1), (9999, 12, 31)))
#: Years that numbers which may be dates are looked for in, in microseconds.
_EARLY, _LATE = ((datetime(year, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND for year in (1800, 2200))
#: How texts begin that are a date whose parts cannot be told apart, and how it can be written.
_UNCLEAR = re.compile(r"\d{1,2}([/.\- ])\d{1,2}\1(\d{4}|\d{2})\b")
#: A year and another number of one or two digits, whatever stands around them.
_WITH_YEAR = re.compile(r"(?=.*(?<!\d)(1[5-9]|2[01])\d\d(?!\d)).*(?<![\d.,])\d{1,2}(?!\d|[.,]\d\d?$)", re.DOTALL)
#: A month by its name beside a number; a year beside a quarter, month, week or day; a clock; three numbers from the year down.
_RESEMBLES = re.compile(
    r"(?i:(?=.*\d)(^|[^a-z])(jan|feb|mar|m\u00e4r|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]{0,6}([^a-z]|$)"
    r"|^(1[5-9]|2[01])\d\d[- ]?([qmwht]\d{1,2}|\d{3})$|^[qmwht]\d{1,2}[- ]?(1[5-9]|2[01])\d\d$)"
    r"|(^|[ T])\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[APap]\.?[Mm]\.?)?$|^(1[5-9]|2[01])\d\d[. ]\d{1,2}[. ]\d{1,2}\b"
)
#: Digits below a microsecond, behind the seconds of a date or at the end of nanoseconds since 1970; the step, in microseconds,
#: below which they count: by a hundredth of it rows may be uneven.
_FINER, _NEAR = r"\.\d{6}\d*[1-9]|^\s*\d{16}(\d\d[1-9]|\d[1-9]\d|[1-9]\d\d)\s*$", 100
#: How texts of dates end that name their offset from UTC.
OFFSET = r"[T ]\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"
#: Units of a step, in microseconds.
_UNITS = (
    (7 * DAY, "weeks"),
    (DAY, "days"),
    (3_600_000_000, "h"),
    (60_000_000, "min"),
    (1_000_000, "s"),
    (1_000, "ms"),
    (1, "us"),
)


def _moment(text: str) -> int | None:
    """Return a text as microseconds; None if it is no date that can be read in one way only."""
    text = text.strip()
    if re.fullmatch(r"\d{4}[-/]\d{1,2}", text):
        year, month = (int(part) for part in re.split("[-/]", text))
        return _of(datetime(year, month, 1)) if 1 <= month <= 12 and year else None
    if not re.match(r"\d{4}[-/]?\d{2}[-/]?\d{2}|\d{4}-?W\d{2}", text):
        return None
    try:
        return _of(datetime.fromisoformat(text.replace("/", "-")))
    except ValueError:
        return None


def _of(moment: datetime) -> int:
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - EPOCH) // _MICROSECOND


def parsed(texts: list[str | None], form: str | None) -> tuple[Int[np.ndarray, " S"], list[int]]:
    """Return the dates of texts in microseconds, and the rows that hold none (0 there).

    Args:
        texts: of all rows.
        form: as `strptime` takes it; None for ISO 8601 and `YYYY-MM`.
    """
    known: dict[str | None, int | None] = {}
    moments, bad = np.zeros(len(texts), dtype=np.int64), []
    for row, text in enumerate(texts):
        if text not in known:
            known[text] = None if text is None else _moment(text) if form is None else _declared(text.strip(), form)
        moment = known[text]
        if moment is None:
            bad.append(row)
        else:
            moments[row] = moment
    return moments, bad


def _declared(text: str, form: str) -> int | None:
    try:
        return _of(datetime.strptime(text, form))
    except ValueError:
        return None


def zones(texts: list[str | None]) -> bool:
    """Return whether some dates name a time zone and others do not, so that they cannot be compared."""
    named = {re.search(OFFSET, text.strip()) is not None for text in texts if text}
    return len(named) == 2


def finer(cells: Any, moments: Int[np.ndarray, " S"]) -> int | None:
    """Return the first row whose date is finer than a microsecond, where rows are so near that it counts; None if none is.

    Args:
        cells: of pyarrow, dates or their texts.
        moments: of the cells, in microseconds.
    """
    import pyarrow.compute as compute
    import pyarrow.types as types

    if len(moments) < 2 or not 0 <= float(np.median(np.abs(np.diff(moments)))) < _NEAR:
        return None
    if types.is_timestamp(cells.type):
        parts = compute.fill_null(cells.cast("int64"), 0).to_numpy(zero_copy_only=False) % 1000
        rows = np.flatnonzero(parts if cells.type.unit == "ns" else [])
    elif types.is_string(cells.type) or types.is_large_string(cells.type):
        matches = compute.fill_null(compute.match_substring_regex(cells, _FINER), False)
        rows = np.flatnonzero(matches.to_numpy(zero_copy_only=False))
    else:
        return None
    return int(rows[0]) if len(rows) else None


def unclear(text: str) -> str | None:
    """Return the settings that would read a date whose day and month cannot be told apart; None if it is none."""
    match = _UNCLEAR.match(text.strip())
    if match is None:
        return None
    letter, year = match[1], "%Y" if len(match[2]) == 4 else "%y"
    time = ("", " %H:%M", " %H:%M:%S")[min(2, text.count(":"))]
    if re.search(r"\d [ap]m$", text.strip(), re.IGNORECASE):
        return f"task.date_format='%m{letter}%d{letter}{year}{time.replace('%H', '%I')} %p', or %d first"
    return f"task.date_format='%d{letter}%m{letter}{year}{time}' or '%m{letter}%d{letter}{year}{time}'"


def resembles(text: str) -> bool:
    """Whether a text is a date or a time of day in a form that is not known: with the name of a month, by quarters, a clock,
    a year beside another number.
    """
    return _RESEMBLES.search(text.strip()) is not None or _WITH_YEAR.match(text) is not None


def digits_by_day(texts: Iterable[str]) -> str | None:
    """Return the form of dates in digits that do not begin with the year: 31012021, 31.01 or 01.2021; None if one is none.

    Args:
        texts: of numbers, of which whole ones may lack zeros in front.
    """
    unique = set(texts)
    for form in ("%d%m%Y", "%m%d%Y"):
        dates = [_declared(text.zfill(8), form) if re.fullmatch(r"\d{7,8}", text) else None for text in unique]
        if len(unique) > 1 and not any(date is None or not _EARLY <= date <= _LATE for date in dates):
            return form
    for form, digits in (("%d.%m", r"(0[1-9]|[12]\d|3[01])\.(0[1-9]|1[0-2])"), ("%m.%Y", r"(0[1-9]|1[0-2])\.(19|20)\d\d")):
        if len(unique) > 1 and all(re.fullmatch(digits, text) for text in unique):
            return form if any(text.startswith("0") for text in unique) else None
    return None


def is_clock(text: str) -> bool:
    """Whether a text is a time of day alone."""
    return re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[APap]\.?[Mm]\.?)?", text.strip()) is not None


def compact(numbers: Float[np.ndarray, " S"]) -> Int[np.ndarray, " S"] | None:
    """Return numbers such as 20210131, 202101 or 20210131235959 as dates; None if one of them is none."""
    if not ((numbers >= 1e5) & (numbers < 1e14) & (numbers == np.round(numbers))).all():
        return None
    try:
        moments = {number: _digits(str(number)) for number in np.unique(numbers).astype(int).tolist()}
    except ValueError:
        return None
    return np.array([moments[int(number)] for number in numbers], dtype=np.int64)


def _digits(text: str) -> int:
    """Return the digits of a date, from the year down to the month or what is finer, in microseconds.

    Raises:
        ValueError: if they are those of none.
    """
    year = int(text[:4])
    if len(text) not in (6, 8, 10, 12, 14) or not 1000 <= year < 3000 or (len(text) != 8 and not 1500 <= year <= 2200):
        raise ValueError(text)
    parts = [int(text[place : place + 2]) for place in range(4, len(text), 2)]
    month, day, hour, minute, second = (*parts, *(1, 1, 0, 0, 0)[len(parts) :])
    return _of(datetime(year, month, day, hour, minute, second))


def unix(numbers: Float[np.ndarray, " S"]) -> Int[np.ndarray, " S"] | None:
    """Return numbers that lie where seconds, milli-, micro- or nanoseconds since 1970 do (1980 to 2100) as dates; else None."""
    low, high = 3.2e8, 4.1e9
    for factor in (1, 1e3, 1e6, 1e9):
        if ((numbers >= low * factor) & (numbers <= high * factor)).all():
            return np.asarray(np.round(numbers * (1e6 / factor)), dtype=np.int64)
    return None


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The time of every row.

    Attributes:
        name: of the column.
        at: where rows stand, as numbers.
        unit: `us` for dates in microseconds, `months`, or "" for plain numbers.
        texts: of dates in months, what they are in microseconds.
    """

    name: str
    at: np.ndarray
    unit: str
    moments: np.ndarray | None = None

    def said(self, row: int) -> str:
        """Return the time of a row as people write it."""
        if self.unit == "":
            return f"{self.at[row]:.10g}"
        moment = self.at[row] if self.moments is None else self.moments[row]
        try:
            when = EPOCH + timedelta(microseconds=int(moment))
        except OverflowError:
            return str(moment)
        return when.strftime("%Y-%m-%d" if when.time() == datetime.min.time() else "%Y-%m-%d %H:%M:%S")

    def length(self, steps: float) -> str:
        """Return a distance in time as people write it."""
        if self.unit == "months":
            return f"{steps:g} months" if steps != 1 else "month"
        if self.unit == "":
            return f"{steps:g}"
        size, unit = next(((size, unit) for size, unit in _UNITS if steps >= size and steps % size == 0), (1_000_000, "s"))
        return f"{steps / size:g} {unit}" if steps != size or unit not in ("days", "weeks") else unit.removesuffix("s")


def axis(name: str, moments: Int[np.ndarray, " S"]) -> Axis:
    """Return the time of rows from their dates: in months, where these are what they are apart."""
    unique = np.unique(moments)
    if len(unique) > 2 and int(np.diff(unique).min()) >= 28 * DAY:
        months = _months(unique)
        if months is not None:
            place = {int(moment): month for moment, month in zip(unique, months, strict=True)}
            at = np.array([place[int(moment)] for moment in moments], dtype=np.int64)
            return Axis(name=name, at=at, unit="months", moments=moments)
    return Axis(name=name, at=moments, unit="us")


def _months(moments: np.ndarray) -> list[int] | None:
    """Return the months of dates that all fall on one day of theirs, or on its last; None where they do not."""
    try:
        days = [(EPOCH + timedelta(microseconds=int(moment))) for moment in moments]
    except OverflowError:
        return None
    if len({day.time() for day in days}) > 1:
        return None
    last = all((day + timedelta(days=1)).month != day.month for day in days)
    return [day.year * 12 + day.month for day in days] if last or len({day.day for day in days}) == 1 else None


def of_arrow(cells: Any) -> np.ndarray:
    """Return the microseconds of a column of dates of pyarrow; 0 where there is none."""
    import pyarrow.types as types

    if types.is_date(cells.type):
        cells = cells.cast("timestamp[us]")
    moments: np.ndarray = cells.cast("timestamp[us]", safe=False).cast("int64").fill_null(0).to_numpy(zero_copy_only=False)
    return moments
