"""Ids of series: which row belongs to which series, by a declared column; one that plainly tells it has to be declared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from freerun.errors import ConfigError
from freerun.io.text import one_line
from freerun.parts.tasks._counters import begins_anew
from freerun.parts.tasks._dates import Axis
from freerun.parts.tasks._table_cells import Column, written

_IDS = frozenset(
    ("id", "ids", "uid", "unique_id", "item", "series", "series_id", "unit", "group", "station", "sensor", "store", "site",
     "entity", "symbol", "ticker", "subject", "patient", "device", "machine", "meter", "household", "location", "region",
     "country", "city")
)  # fmt: skip

#: How names of months and of days of the week begin.
_WORDS = frozenset(
    ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct",
     "nov", "dec")
)  # fmt: skip
#: How many times as many pairs of id and time there are than times, at least, where a column tells series apart; and where each
#: of its values stands in one block of rows, so that series of different lengths stand one after the other.
_APART, _APART_IN_BLOCKS = 1.5, 1.2


def labels(column: Column) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the number of every row's series, in the order in which they come up, and the names of the series.

    Raises:
        ConfigError: if a row has none, or two look alike: they differ by case, blanks, an accent of its own, or zeros alone.
    """
    if column.kind or column.missing.any():
        row = int(np.flatnonzero(column.missing)[0]) if column.missing.any() else 0
        what = f"holds {column.kind}" if column.kind else f"no id in row {row + 1}"
        raise ConfigError(f"task.id={one_line(column.name, 30)}: {what}")
    numbers, names = _labels(column)
    first_row: dict[str, int] = {}
    for text, row in _writings(column, names, numbers).items():
        if (first := first_row.setdefault(_looks(text), row)) != row:
            shown = f"{column.cell(first)!r} in row {first + 1} and {column.cell(row)!r} in row {row + 1}"
            raise ConfigError(
                f"task.id={one_line(column.name, 30)}: {shown} look alike; write them alike if they are one series, plainly "
                "apart if not"
            )
    return numbers, names


def _writings(column: Column, names: Sequence[str], numbers: np.ndarray) -> dict[str, int]:
    """Return every way in which an id is written, blanks around it counted, with the first row that has it."""
    if column.texts is None:
        return {name: int(np.argmax(numbers == place)) for place, name in enumerate(names)}
    rows: dict[str, int] = {}
    for row, text in enumerate(column.texts.to_pylist()):
        rows.setdefault(str(text), row)
    return rows


def _looks(name: str) -> str:
    """Return a name without what is hard to see."""
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return re.sub(r"\.0*$", "", plain).lstrip("0") if re.fullmatch(r"\d+(\.0*)?", plain) else plain


def demand_declared(columns: list[Column], axis: Axis | None, origin: str) -> None:
    """Refuse a table in which a column that is not declared plainly tells several series apart.

    Raises:
        ConfigError: naming it.
    """
    for column in columns:
        name, rows = one_line(column.name, 30), column.telling
        told, when = column.of_rows(rows), None if axis is None else axis.at[rows]
        if axis is None and (row := begins_anew(told, held=False)) is not None:
            raise ConfigError(
                f"{origin}: column {name!r} counts anew from row {rows[row] + 1}: several series? task.id= names what tells "
                "them apart; if it is one, task.id=none"
            )
        if reason := _looks_like_id(told, None if axis is None or when is None else replace(axis, at=when, moments=None)):
            raise ConfigError(f"{origin}: column {name!r} {reason}: several series? task.id={name}; if not, task.id=none")


def _labels(column: Column) -> tuple[np.ndarray, tuple[str, ...]]:
    cells = column.numbers.tolist() if column.texts is None else [str(text).strip() for text in column.texts.to_pylist()]
    places: dict[object, int] = {}
    numbers = np.array([places.setdefault(cell, len(places)) for cell in cells], dtype=np.int64)
    return numbers, tuple(written(cell) if isinstance(cell, float) else str(cell) for cell in places)


def _looks_like_id(column: Column, axis: Axis | None) -> str | None:
    """Return what makes a column look like the id of several series, in a few words; None if nothing does."""
    if column.kind or column.missing.any():
        return None
    numbers, names = _labels(column)
    if not 2 <= len(names) <= len(numbers) // 2:
        return None
    name = column.name.lower()
    if name in _IDS or name.endswith(("_id", " id", "-id")):
        return f"is named so and has {len(names)} values"
    if column.sound and not column.whole:
        return None
    blocks = 1 + int((np.diff(numbers) != 0).sum())
    if axis is not None:
        times, places = np.unique(axis.at, return_inverse=True)
        pairs = len(np.unique(numbers * len(times) + places))
        steps, within = np.diff(places), np.diff(numbers) == 0
        goes_back = bool((steps[within] >= 0).all()) and bool((steps < 0).any())  # a date may stand twice in a series
        restarts = blocks == len(names) and goes_back
        if restarts or pairs >= (_APART_IN_BLOCKS if blocks == len(names) else _APART) * len(times):
            return f"tells apart the rows of one {one_line(axis.name, 30) or 'row number'}"
    if axis is None and blocks == len(names) and (len(names) <= len(numbers) // 3 or not column.numeric):
        return f"has {len(names)} values, one after the other"
    if axis is None and np.array_equal(numbers, np.arange(len(numbers)) % len(names)) and not _of_calendar(names):
        return f"comes round every {len(names)} rows"
    return None


def _of_calendar(names: tuple[str, ...]) -> bool:
    """Whether names are those of months or of days of the week."""
    return all(name.lower()[:3] in _WORDS for name in names)


def constant(column: Column, ids: np.ndarray) -> bool:
    """Whether a column of numbers never changes within a series."""
    return len(np.unique(np.column_stack([ids, column.numbers]), axis=0)) == len(np.unique(ids))


def within(column: Column, ids: np.ndarray) -> bool:
    """Whether a column tells series apart within those that a declared column tells apart: blocks, one after the other."""
    if column.kind or column.missing.any() or (column.sound and not column.whole):
        return False
    numbers, _ = _labels(column)
    order = np.argsort(ids, kind="stable")
    pairs = np.column_stack([ids, numbers])[order]
    count = len(np.unique(pairs, axis=0))
    blocks = 1 + int((np.diff(pairs, axis=0) != 0).any(1).sum())
    return int(ids.max()) + 1 < count == blocks <= len(numbers) // 3
