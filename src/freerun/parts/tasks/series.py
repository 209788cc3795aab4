"""Series of the user's own: numeric columns of a file.

Any CSV or Parquet file whose rows are equally spaced in time. The series is split by time: the first part trains, the next
validates, the last tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from freerun.errors import ConfigError, require
from freerun.io.suggestions import nearest
from freerun.parts.tasks._recordings import Recording
from freerun.parts.tasks._windows import stamp


@dataclass(kw_only=True)
class Series(Recording):
    """Numeric columns of a CSV or Parquet file, one row a time step.

    Attributes:
        path: the file; Parquet if its name ends in `.parquet` or `.pq`, otherwise CSV with a line of names.
        columns: names of columns, separated by commas; null for all numeric ones.
        train, validation: shares of the series, in time order; the rest is the test part.
        predict: `value`: the output is the next value; `increment`: the output is added to the value that was fed.
    """

    default_warmup: ClassVar[int] = 10
    default_horizon: ClassVar[int | None] = 60

    path: str
    columns: str | None = None
    train: float = 0.8
    validation: float = 0.1
    length: int = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.path not in ("", "???"), "path", self.path, "name a CSV or Parquet file")  # ??? is a key left open
        self.values()

    def values(self) -> tuple[np.ndarray, tuple[str, ...]]:
        return _columns(self.path, self.columns, *stamp(self.path))

    def origin(self) -> str:
        return f"task.path={self.path[-60:]}"


@lru_cache(maxsize=4)
def _columns(path: str, columns: str | None, changed: int, size: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the chosen columns ``[S Y]`` and their names, kept as long as the file stays as it is."""
    import pyarrow.types as types

    table, origin = _table(path), f"task.path={path[-60:]}"
    numeric = [column.name for column in table.schema if _is_number(column.type, types)]
    if columns is None:
        wanted = numeric
        if not wanted:
            raise ConfigError(f"{origin}: no numeric column; it has {', '.join(table.column_names)[:80] or 'none'}")
    else:
        wanted = [name.strip() for name in columns.split(",")]
    if len(set(wanted)) < len(wanted):
        raise ConfigError(f"task.columns={str(columns)[:60]}: a column is named twice")
    series = []
    for name in wanted:
        if table.column_names.count(name) != 1:
            twice = name in table.column_names
            reason = "there are several of this name" if twice else f"no such column; {nearest(name, table.column_names)}"
            raise ConfigError(f"task.columns={name[:30]}: {reason}")
        if name not in numeric:
            raise ConfigError(f"task.columns={name[:30]}: not numeric but {str(table.schema.field(name).type)[:40]}")
        values = table.column(name).cast("float64").to_numpy().astype(np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ConfigError(
                f"{origin}: column {name[:30]!r} has no finite value in row {row + 1} of the data; fill it in first"
            )
        series.append(values)
    return np.stack(series, 1), tuple(wanted)


def _is_number(column_type: Any, types: Any) -> bool:
    return bool(types.is_integer(column_type) or types.is_floating(column_type) or types.is_decimal(column_type))


def _table(path: str) -> Any:
    import pyarrow as arrow

    try:
        if Path(path).suffix.lower() in (".parquet", ".pq"):
            from pyarrow import parquet

            return parquet.read_table(path)
        from pyarrow import csv

        return csv.read_csv(path)
    except (arrow.ArrowException, OSError) as fault:
        reason = " ".join(str(fault).split())[:110]
        raise ConfigError(f"task.path={path[-60:]}: cannot be read: {reason}") from None
