"""Frames in memory as tables, and kept as files that are named by their content, so that another process finds them again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from freerun.errors import ConfigError, refused
from freerun.io.tables import Table
from freerun.io.text import one_line
from freerun.io.writing import write_atomic

#: How the names of kept files begin.
PREFIX = "frame-"


def table(frame: Any, key: str) -> Table:
    """Return the columns of a frame: of pandas, with its index where that has a name or holds dates, or anything of Arrow.

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
        parquet.write_table(held, target)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, target.getvalue().to_pybytes())
        except OSError as fault:
            raise refused(path, "cannot be written", fault) from None
    return path


def _arrow(frame: Any, key: str) -> Any:
    import pyarrow as arrow

    if hasattr(frame, "reset_index"):
        frame = with_index(frame.to_frame() if not hasattr(frame, "columns") else frame)
    try:
        of_pandas = hasattr(frame, "reset_index")
        held = arrow.Table.from_pandas(frame, preserve_index=False) if of_pandas else arrow.table(frame)
    except (arrow.ArrowException, TypeError, ValueError) as fault:
        raise ConfigError(f"{key}: no table: {one_line(fault, 100)}") from None
    if not held.num_columns or not held.num_rows:
        raise ConfigError(f"{key}: has no {'row' if held.num_columns else 'column'}")
    return held


def with_index(frame: Any) -> Any:
    """Return a frame of pandas with its index among the columns: one that has a name, or holds dates, `date` without one."""
    index = frame.index
    if all(name is None for name in index.names):
        if not str(getattr(index, "inferred_type", "")).startswith("date"):
            return frame.reset_index(drop=True)
        frame = frame.rename_axis("date")
    return frame.reset_index()
