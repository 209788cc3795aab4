"""Static columns of a table: the same in every row of a series, given at every step; a text as a 0 or 1 for each there is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from freerun.errors import ConfigError
from freerun.io.text import one_line
from freerun.parts.tasks._table_cells import Column

#: Most texts of a column, each of which is an input.
MOST = 50


def given(
    columns: Sequence[Column], ids: np.ndarray | None, names: Sequence[str], origin: str
) -> tuple[list[Column], dict[str, tuple[str, ...]]]:
    """Return static columns as numbers that are given at every step, and the texts of each, () for numbers.

    Args:
        columns: as they were read.
        ids: to which series every row belongs.
        names: of the series.
        origin: of the table, for messages.

    Raises:
        ConfigError: if there is one series alone, a row has no value, a value changes within a series, or texts are too many.
    """
    inputs, texts = [], dict[str, tuple[str, ...]]()
    for column in columns:
        name = one_line(column.name, 30)
        if ids is None or not len(names) > 1:
            raise ConfigError(f"task.static={name}: tells series apart, and there is one alone; task.id= names what does")
        if column.kind:
            raise ConfigError(f"task.static={name}: neither numbers nor text but {column.kind}")
        where = f"{origin}: column {name!r}"
        if column.missing.any():
            row = int(np.flatnonzero(column.missing)[0])
            raise ConfigError(f"{where}, row {row + 1}: no value; a static column has one in every row of a series")
        _demand_constant(column, ids, names, where)
        if not len(column.other):
            inputs.append(column)
            texts[column.name] = ()
            continue
        cells = np.array([column.text(row).strip() for row in range(len(column.numbers))], dtype=object)
        known = tuple(dict.fromkeys(cells.tolist()))
        if not 2 <= len(known) <= MOST:
            raise ConfigError(f"task.static={name}: {len(known)} texts; 2 to {MOST} can be given, a 0 or 1 for each")
        texts[column.name] = known
        inputs += [indicator(column.name, text, cells == text) for text in known]
    return inputs, texts


def indicator(name: str, text: str, holds: np.ndarray) -> Column:
    """Return the column that is 1 where another one has a text, and 0 elsewhere."""
    nothing = np.zeros(len(holds), dtype=bool)
    return Column(
        name=f"{name}={text}", numbers=holds.astype(np.float64), missing=nothing, texts=None, other=np.empty(0, dtype=np.int64)
    )


def _demand_constant(column: Column, ids: np.ndarray, names: Sequence[str], where: str) -> None:
    """Refuse a column that changes within a series."""
    first: dict[int, int] = {}
    for row, series in enumerate(ids.tolist()):
        before = first.setdefault(series, row)
        if column.text(before) != column.text(row):
            changed = f"{column.cell(row)!r} in row {row + 1}, {column.cell(before)!r} in row {before + 1}"
            raise ConfigError(f"{where}: {changed} of {one_line(names[series], 20)!r}; if it changes, name it in task.inputs")
