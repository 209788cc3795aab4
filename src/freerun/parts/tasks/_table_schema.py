"""Schema of a table: which columns are forecast, which are inputs, dates or ids, and which are left out, and why.

What a setting names is taken. Of the other columns one that is plainly the time of its row is taken for it, one that is plainly
the id of a series has to be declared, row numbers and parts of the calendar are left out, and what could be two things is
refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import one_line
from freerun.parts.tasks import _row_times, _series_ids, _static_columns
from freerun.parts.tasks._counters import begins_anew, only_goes_one_way
from freerun.parts.tasks._dates import Axis
from freerun.parts.tasks._table_cells import Column, cure

#: What a setting says if a table has no such column.
NONE = "none"


@dataclass(kw_only=True)
class Schema:
    """The columns of a table by what they are for.

    Attributes:
        values: what is forecast, numbers.
        inputs: what is given, numbers; those that are the same within a series among them, a text as a 0 or 1 for each.
        axis: the time of every row; None if the rows are taken as they stand.
        ids: to which series every row belongs, counted in the order in which they come up; None for one series.
        names: of the series.
        left_out: the other columns, each with the reason.
        statics: those that are the same within a series, each with its texts, () for numbers.
    """

    values: list[Column]
    inputs: list[Column]
    axis: Axis | None = None
    ids: np.ndarray | None = None
    names: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    statics: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the settings of the task say of the columns."""

    columns: tuple[str, ...] | None = None
    inputs: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    date: str | None = None
    date_format: str | None = None
    id: str | None = None


def schema(columns: Iterable[Column], declared: Declared, origin: str) -> Schema:
    """Return what the columns of a table are for.

    Args:
        columns: of the table.
        declared: by the settings.
        origin: of the table, for messages.

    Raises:
        ConfigError: naming key, column, row and value of what is wrong or could be two things.
    """
    return _Reader(list(columns), declared, origin).schema()


class _Reader:
    """The schema step of one table."""

    def __init__(self, columns: list[Column], declared: Declared, origin: str) -> None:
        self.columns, self.declared, self.origin = columns, declared, origin
        self.named: list[str] = []
        self.left_out: dict[str, str] = {}

    def schema(self) -> Schema:
        wanted = self.declared
        values = None if wanted.columns is None else self._chosen("columns", wanted.columns)
        inputs, static = self._chosen("inputs", wanted.inputs), self._chosen("static", wanted.static)
        date, series = self._one("date", wanted.date), self._one("id", wanted.id)
        others = [column for column in self.columns if column.name not in self.named]
        if values is None and (twice := next((one.name for one in others if self._is_twice(one)), None)) is not None:
            raise ConfigError(f"{self.origin}: several columns have the name {_q(twice)!r}; name others in task.columns")
        ids, names = (None, ()) if series is None else _series_ids.labels(series)
        axis = self._axis(date, others, ids)
        others = [column for column in others if axis is None or column.name != axis.name]
        if axis is not None:
            _row_times.demand_whole(axis, others, ids, self.origin)
        needless = {each.name: _row_times.needless(each.of_rows(each.telling), axis) for each in others}
        self.left_out = {name: reason for name, reason in needless.items() if reason}
        others = [column for column in others if column.name not in self.left_out]
        if wanted.id is None:
            numbers = [column for column in others if column.numeric and not len(column.other)]
            alone = numbers if values is None and len(numbers) == 1 else []  # the one column there is to forecast
            _series_ids.demand_declared(
                [column for column in others if not any(column is one for one in alone)], axis, self.origin
            )
        if values is None:
            values = self._remaining(others, axis, ids)
        else:
            self.left_out |= {column.name: "not chosen" for column in others}
        for key, column in (*(("columns", each) for each in values), *(("inputs", each) for each in inputs)):
            self._demand_numbers(key, column)
        given, texts = _static_columns.given(static, ids, names, self.origin)
        return Schema(
            values=values, inputs=[*inputs, *given], axis=axis, ids=ids, names=names, left_out=self.left_out, statics=texts
        )

    def _count(self, name: str) -> int:
        return sum(column.name == name for column in self.columns)

    def _is_twice(self, column: Column) -> bool:
        """Whether another column has the name of one; those at the ends of lines that have neither name nor value do not."""
        same = [other for other in self.columns if other.name == column.name]
        return len(same) > 1 and not (column.name == "" and all(other.empty for other in same))

    def _as_written(self, name: str) -> str:
        """Return the name of the column that looks the same: blanks count once, an accent may be a letter of its own."""
        same = {column.name for column in self.columns if _looks(column.name) == _looks(name)}
        return name if len(same) != 1 or self._count(name) else same.pop()

    def _one(self, key: str, name: str | None) -> Column | None:
        """Return the column that a setting names; None where it names none."""
        if name is None or (name == NONE and not self._count(NONE)):
            return None
        return self._chosen(key, (name,))[0]

    def _chosen(self, key: str, names: tuple[str, ...]) -> list[Column]:
        """Return the columns that a setting names."""
        chosen = []
        known = [column.name for column in self.columns]
        for name in (self._as_written(raw.strip()) for raw in names):
            if not self._count(name):
                parts = [part.strip() for part in name.split(",")]
                hint = nearest(name, known)
                if len(parts) > 1 and all(part in known for part in parts):
                    hint = f"write task.{key}=[{name}], without quotes around the whole"
                raise ConfigError(f"task.{key}={_q(name)}: no such column; {hint}")
            if self._count(name) > 1:
                raise ConfigError(f"task.{key}={_q(name)}: there are several columns of this name")
            if name in self.named:
                raise ConfigError(f"task.{key}={_q(name)}: a column is named twice")
            self.named.append(name)
            chosen.append(next(column for column in self.columns if column.name == name))
        return chosen

    def _axis(self, column: Column | None, others: list[Column], ids: np.ndarray | None) -> Axis | None:
        form = self.declared.date_format
        if column is not None:
            return _row_times.declared(column, form, self.origin)
        return _row_times.recognised(others, form, ids, self.origin) if self.declared.date is None else None

    def _remaining(self, columns: list[Column], axis: Axis | None, ids: np.ndarray | None) -> list[Column]:
        """Return the columns that are forecast where no setting names them."""
        values = []
        for column in columns:
            if ids is not None and ids.max() > 0 and _series_ids.within(column, ids):
                name, one = _q(column.name), _q(self.declared.id)
                raise ConfigError(
                    f"{self.origin}: column {name!r} tells series apart within one {one}: make one column of both for task.id; "
                    "if it does not, name what is forecast in task.columns"
                )
            if reason := self._no_value(column, ids):
                self.left_out[column.name] = reason
            else:
                values.append(column)
        counter = next((each for each in values if self._counts(each, axis, ids)), None)
        if counter is not None and len(values) > 1:
            name = _q(counter.name)
            cure = f"task.date={name} if it is one; if not, name what is forecast in task.columns"
            if axis is not None:
                cure = "name what is forecast in task.columns"
            raise ConfigError(f"{self.origin}: column {name!r} only goes one way, as times and counters do; {cure}")
        if not values:
            left_out = {**({} if axis is None else {axis.name: "the time of the rows"}), **self.left_out}
            held = ", ".join(f"{_q(name) or repr(name)} ({reason})" for name, reason in left_out.items())
            raise ConfigError(f"{self.origin}: no numeric column to forecast, but {one_line(held, 80)}; see task.columns")
        return values

    def _counts(self, column: Column, axis: Axis | None, ids: np.ndarray | None) -> bool:
        """Whether a column only goes one way, rows without a value aside."""
        rows = column.telling
        return only_goes_one_way(column.of_rows(rows), None if ids is None else ids[rows], evenly=axis is not None)

    def _no_value(self, column: Column, ids: np.ndarray | None) -> str | None:
        """Return why a column that no setting names is not forecast, in a few words; None if it is."""
        if column.kind:
            return column.kind
        if column.empty:
            return "empty"
        if not column.numeric and not column.nearly():
            return "text"
        if begins_anew(column, held=True) is not None:
            return "counts in rounds"
        if ids is not None and ids.max() > 0 and column.sound and _series_ids.constant(column, ids):
            return "the same in every row of a series"
        return None

    def _demand_numbers(self, key: str, column: Column) -> None:
        """Refuse a column of which a cell is no number."""
        if column.kind or (not column.numeric and not column.nearly()):
            what = column.kind or ("empty" if column.empty else "text")
            shown = "" if column.texts is None else f", {column.cell(0)!r} in row 1"
            raise ConfigError(f"task.{key}={_q(column.name)}: not numeric but {what}{shown}")
        if len(column.other):
            row = int(column.other[0])
            shown, remedy = column.cell(row), cure(column.text(row))
            raise ConfigError(f"{self.origin}: column {_q(column.name)!r}, row {row + 1}: {shown!r} is no number; {remedy}")


def _looks(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def _q(name: object) -> str:
    """Return a name as messages quote it."""
    return one_line(name, 30)
