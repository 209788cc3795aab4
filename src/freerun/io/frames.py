"""Frames in memory as tables, and kept as files that are named by their content, so that another process finds them again."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any

from freerun.errors import ConfigError, refused
from freerun.io.tables import Table
from freerun.io.text import one_line
from freerun.io.writing import write_atomic

#: How the names of kept files begin.
PREFIX = "frame-"


def table(frame: Any, key: str) -> Table:
    """Return the columns of a frame: of pandas, with its index unless that numbers the rows, or anything of Arrow.

    Args:
        frame: the frame.
        key: what messages call it.

    Raises:
        ConfigError: if it is no frame, or has no row.
    """
    held = _arrow(frame, key)
    columns = tuple(column.combine_chunks() for column in held.columns)
    return Table(names=tuple(str(name).strip() for name in held.column_names), columns=columns, rows=held.num_rows)


def keep(frame: Any, folder: Path) -> Path:
    """Write a frame to a folder as Parquet, under a name that is a digest of names, types and values, and return the path.

    Raises:
        ConfigError: see `table`.
        StoreError: if the disk refuses.
    """
    import pyarrow as arrow
    from pyarrow import parquet

    held = _arrow(frame, "frame").replace_schema_metadata(None).combine_chunks()
    content = arrow.BufferOutputStream()
    with arrow.ipc.new_stream(content, held.schema) as stream:
        stream.write_table(held)
    digest = hashlib.sha256(content.getvalue()).hexdigest()[:16]
    path, target = folder / f"{PREFIX}{digest}.parquet", arrow.BufferOutputStream()
    if not path.is_file():
        try:
            parquet.write_table(held, target)
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, target.getvalue().to_pybytes())
        except arrow.ArrowException as fault:
            raise ConfigError(f"frame: cannot be kept as Parquet: {one_line(fault, 100)}") from None
        except OSError as fault:
            raise refused(path, "cannot be written", fault) from None
    return path


def _arrow(frame: Any, key: str) -> Any:
    import pyarrow as arrow

    if hasattr(frame, "reset_index"):
        frame = with_index(frame.to_frame() if not hasattr(frame, "columns") else frame, key)
    try:
        of_pandas = hasattr(frame, "reset_index")
        held = arrow.Table.from_pandas(frame, preserve_index=False) if of_pandas else arrow.table(frame)
    except (arrow.ArrowException, TypeError, ValueError) as fault:
        raise ConfigError(f"{key}: no table: {one_line(fault, 100)}") from None
    if not held.num_columns or not held.num_rows:
        raise ConfigError(f"{key}: has no {'row' if held.num_columns else 'column'}")
    return held


def with_index(frame: Any, key: str = "frame") -> Any:
    """Return a frame of pandas with its index among the columns, unless it has no name and numbers the rows in even steps.

    Without a name dates and durations are called `date`, all else `index`: what it says of gaps, order and series is then seen.
    Periods become the dates at which they begin.

    Args:
        frame: of pandas.
        key: what messages call it.

    Raises:
        ConfigError: if a column has the name of the index, or dates with and without a time zone stand in one.
    """
    if names := index_names(frame.index):
        if taken := [name for place, name in enumerate(names) if name in [*frame.columns, *names[:place]]]:
            raise ConfigError(f"{key}: index and column are both called {one_line(taken[0], 30)!r}; name the index otherwise")
        frame = frame.rename_axis(index=names[0] if len(names) == 1 else names).reset_index()
    else:
        frame = frame.reset_index(drop=True)
    periods = [name for name, kind in frame.dtypes.items() if str(kind).startswith("period")]
    for name in periods if frame.columns.is_unique else ():
        frame[name] = frame[name].dt.to_timestamp()
    _demand_one_zone(frame, key)
    return frame


def label(frame: Any, name: str) -> Any:
    """Return what a frame of pandas calls a column: blanks at the ends of a name count nothing, and a number may be one."""
    labels = {str(label).strip(): label for label in frame.columns}
    looks = {" ".join(unicodedata.normalize("NFC", text).split()): label for text, label in labels.items()}
    plain = " ".join(unicodedata.normalize("NFC", name).split())
    return labels.get(name.strip(), looks.get(plain, name))


def index_names(index: Any) -> list[Any]:
    """Return what an index is called among the columns, by level; [] where it has no name and numbers the rows."""
    if all(name is None for name in index.names) and _numbers_rows(index):
        return []
    return [_called(index.get_level_values(level)) for level in range(index.nlevels)]


def _numbers_rows(index: Any) -> bool:
    """Whether an index holds whole numbers in even steps, from the first row to the last."""
    import numpy as np

    steps = np.diff(np.asarray(index)) if index.nlevels == 1 and index.dtype.kind in "iu" else None
    return steps is not None and (not len(steps) or (steps[0] > 0 and bool((steps == steps[0]).all())))


def _called(level: Any) -> Any:
    """Return the name of an index, or of a level of one."""
    kind = str(getattr(level, "inferred_type", ""))
    return level.name if level.name is not None else "date" if kind.startswith(("date", "period", "timedelta")) else "index"


def _demand_one_zone(frame: Any, key: str) -> None:
    """Refuse a column of dates of which some name a time zone and others do not."""
    for place, kind in enumerate(frame.dtypes):
        cells = frame.iloc[:, place] if kind.kind == "O" else ()
        zones = {cell.tzinfo is None for cell in cells if isinstance(cell, datetime)}
        if len(zones) == 2:
            name = one_line(frame.columns[place], 30)
            raise ConfigError(f"{key}: column {name!r}: some dates name a time zone, others do not")
