"""Times of rows that stand in several columns: a year with a month, a quarter or a day of the year, and what is finer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from freerun.errors import ConfigError
from freerun.parts.tasks import _dates
from freerun.parts.tasks._counters import calendar_part
from freerun.parts.tasks._table_cells import Column

#: What columns of a calendar are called, in small letters, by the part of a date that they hold.
NAMES = {
    "year": ("year", "yr", "jahr"), "month": ("month", "monat", "mo"), "quarter": ("quarter",),
    "day_of_year": ("doy", "dayofyear", "day_of_year", "yday"), "day": ("day", "tag", "dom", "mday", "dayofmonth"),
    "hour": ("hour", "hr", "stunde"), "minute": ("minute",), "second": ("second",),
}  # fmt: skip
#: What follows on what, from the coarse to the fine.
_CHAINS = (
    ("year", "month", "day", "hour", "minute", "second"),
    ("year", "day_of_year", "hour", "minute", "second"),
    ("year", "quarter"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def axis(columns: list[Column], ids: np.ndarray | None, origin: str) -> _dates.Axis | None:
    """Return the times of the rows from the columns of a calendar; None where there are none, or they are coarser than rows.

    Args:
        columns: of numbers.
        ids: to which series every row belongs; None for one.
        origin: of the table, for messages.

    Raises:
        ConfigError: naming the first row whose day is in no calendar.
    """
    parts = {
        part: column for part, names in NAMES.items() for column in columns
        if column.name.lower() in names and calendar_part(column)
    }  # fmt: skip
    chosen: dict[str, Column] = max((_begun(chain, parts) for chain in _CHAINS), key=len)
    if len(chosen) < 2:
        return None
    count = len(next(iter(chosen.values())).numbers)
    rows = np.stack([column.numbers for column in chosen.values()], 1)
    series = np.zeros(count, dtype=int) if ids is None else ids
    if 2 * len(np.unique(np.column_stack([series, rows]), axis=0)) <= count:
        return None
    known: dict[tuple[float, ...], int] = {}
    moments = np.zeros(count, dtype=np.int64)
    for row, numbers in enumerate(map(tuple, rows.tolist())):
        if numbers not in known:
            known[numbers] = _moment(dict(zip(chosen, numbers, strict=True)), row, origin)
        moments[row] = known[numbers]
    return _dates.axis(", ".join(column.name for column in chosen.values()), moments)


def _begun(chain: tuple[str, ...], parts: dict[str, Column]) -> dict[str, Column]:
    """Return the columns of a chain down to the first that is missing."""
    chosen = {}
    for part in chain:
        if part not in parts:
            break
        chosen[part] = parts[part]
    return chosen


def _moment(numbers: dict[str, float], row: int, origin: str) -> int:
    whole = {part: int(number) for part, number in numbers.items()}
    month = whole.get("month", 3 * whole.get("quarter", 1) - 2)
    try:
        day = datetime(whole["year"], month, whole.get("day", 1), tzinfo=UTC)
    except ValueError:
        shown = "-".join(map(str, list(whole.values())[:3]))
        raise ConfigError(
            f"{origin}: row {row + 1}: {shown} is in no calendar; task.date=none takes the rows as they stand"
        ) from None
    exact = day + timedelta(
        days=whole.get("day_of_year", 1) - 1, hours=numbers.get("hour", 0), minutes=numbers.get("minute", 0),
        seconds=numbers.get("second", 0),
    )  # fmt: skip
    return (exact - _EPOCH) // timedelta(microseconds=1)
