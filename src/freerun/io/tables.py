"""Tables of the user's own: CSV and Parquet files as columns, cells of CSV as the texts that they are.

No type is inferred and no line is skipped here: what a cell means is declared by whoever reads the table.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freerun.io.decoding import decoded
from freerun.io.reading import LARGEST_DATA, NotPlain, content
from freerun.io.text import brief

#: Delimiters that have a name, since they are hard to type.
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
_NAMES = {letter: name for name, letter in DELIMITERS.items()}
#: Lines that are looked at for what divides them; bytes of a number.
_LOOKED_AT, _A_NUMBER = 20, 8


@dataclass(frozen=True, kw_only=True)
class Table:
    """The columns of a file, by their place.

    Attributes:
        names: without spaces around them.
        columns: arrays of pyarrow, strings for CSV.
        rows: how many each has.
    """

    names: tuple[str, ...]
    columns: tuple[Any, ...]
    rows: int


def is_parquet(path: str) -> bool:
    """Return whether a file is Parquet, by its name."""
    return Path(path).suffix.lower() in (".parquet", ".pq")


def read(
    path: str, *, encoding: str = "utf-8", delimiter: str | None = None, names: bool | None = None, within: str = ""
) -> Table:
    """Return the table of a file.

    Args:
        path: Parquet if its name ends in `.parquet` or `.pq`, otherwise CSV.
        encoding: of CSV.
        delimiter: of CSV: one character, or a name of `DELIMITERS`; None for a comma, if nothing else divides the lines too.
        names: whether the first line holds names; None: it must, and what looks like a number or a date there is refused.
        within: signs that stand within numbers, and divide nothing.

    Raises:
        OSError: if it cannot be read.
        NotPlain: if it is no such table, with the likely cure.
    """
    held = content(path, LARGEST_DATA)
    if is_parquet(path):
        return _parquet(held)
    text = decoded(held, encoding).rstrip("\r\n")
    if not text.strip():
        raise NotPlain("the file is empty")
    return _csv(text, delimiter, names, within)


def _parquet(held: bytes) -> Table:
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(arrow.BufferReader(held))
        _demand_room(file.metadata.num_rows * file.metadata.num_columns)
        table = file.read()  # two columns may have one name, as in CSV
    except (arrow.ArrowException, OSError) as fault:
        raise NotPlain(f"no Parquet: {' '.join(str(fault).split())[:80]}") from None
    if not table.num_columns or not table.num_rows:
        raise NotPlain("the table has no row" if table.num_columns else "the table has no column")
    columns = tuple(column.combine_chunks() for column in table.columns)
    return Table(names=tuple(str(name).strip() for name in table.column_names), columns=columns, rows=table.num_rows)


def _demand_room(cells: int) -> None:
    """Refuse a file that says in a few bytes what memory may have no room for: equal values cost next to nothing there."""
    if cells * _A_NUMBER > LARGEST_DATA:
        raise NotPlain(f"{cells:,} cells, and at most {LARGEST_DATA // _A_NUMBER:,} are read")


def _csv(text: str, delimiter: str | None, names: bool | None, within: str) -> Table:
    sign = "," if delimiter is None else DELIMITERS.get(delimiter, delimiter)
    _demand_table(text)
    if sign == " ":
        text = "\n".join(re.sub(r"[ \t]+", " ", line.strip()) for line in re.split(r"\r\n|\r|\n", text))
    try:
        first = _cells(text, sign)
    except csv.Error as fault:
        raise NotPlain(f"no table: {fault}") from None
    _demand_delimiter(text, len(first), sign, within, delimiter is not None)
    if names is None and (value := next((cell for cell in first if _is_value(cell)), None)) is not None:
        raise NotPlain(f"the first line names a column {brief(value, 20)}; task.header=false if it is a row, true if a name")
    _demand_quotes(text, sign, len(first))
    columns = _columns(text, sign, len(first))
    heads = [column[0].as_py().strip() for column in columns] if names is not False else _numbered(len(first))
    if names is not False:
        columns = [column.slice(1) for column in columns]
    if not len(columns[0]):
        raise NotPlain("a line of names and no row below it")
    return Table(names=tuple(heads), columns=tuple(columns), rows=len(columns[0]))


def _demand_table(text: str) -> None:
    """Refuse what is plainly written in another way than as a table."""
    begin = text.lstrip()
    if re.match(r"(\{|\[\s*[\[{])", begin):
        raise NotPlain("JSON, no table; save it as CSV or Parquet")
    if match := re.match(r"\"?sep=(.)\"?[\r\n]", begin, re.IGNORECASE):
        raise NotPlain(f"its first line, sep={match[1]}, is none of the table; take it off, see task.delimiter")


def _demand_quotes(text: str, delimiter: str, count: int) -> None:
    """Refuse a quote that is not closed where its cell ends, since it takes the rows below into one cell.

    Args:
        text: of the table.
        delimiter: by which cells are told.
        count: of the cells of a line.
    """
    if '"' not in text:
        return
    reader, before = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 0
    try:
        for cells in reader:
            lines = reader.line_num - before
            signs = (count - 1) * (lines - 1)  # of as many rows that are one cell
            if lines > 1 and signs > 1 and any(cell.count(delimiter) == signs for cell in cells):
                raise NotPlain(f"line {before + 1}: a quoted cell holds {lines} lines that look like rows; a quote too many?")
            before = reader.line_num
    except csv.Error:
        raise NotPlain(f"line {before + 1}: a quote that is not closed at the end of its cell, or one too many") from None


def _numbered(count: int) -> list[str]:
    return [f"column{number}" for number in range(1, count + 1)]


def _cells(text: str, delimiter: str) -> list[str]:
    """Return the cells of the first line."""
    return next(csv.reader(_lines(text), delimiter=delimiter, skipinitialspace=True))


def _lines(text: str) -> Iterable[str]:
    start = 0
    for match in re.finditer(r"\r\n|\r|\n", text):
        yield text[start : match.end()]
        start = match.end()
    yield text[start:]


def _demand_delimiter(text: str, count: int, delimiter: str, within: str, declared: bool) -> None:
    """Refuse a table whose lines something else divides as well: one of one column, or any if no delimiter is declared.

    Args:
        text: of the table.
        count: of its columns.
        delimiter: by which they are told.
        within: signs that stand within numbers.
        declared: whether a setting names the delimiter.
    """
    if declared and count > 1:
        return
    lines = text.splitlines()[:_LOOKED_AT]
    if any(len(line) > csv.field_size_limit() for line in lines):
        return
    for other in [letter for letter in DELIMITERS.values() if letter not in delimiter + within]:
        counts = {len(_divided(line, other)) for line in lines}
        if len(lines) > 1 and len(counts) == 1 and counts.pop() > 1 and (count == 1 or other != " "):
            columns = "one column" if count == 1 else f"{count} columns"
            raise NotPlain(
                f"{columns} for {_said(delimiter)}, but every line holds {_said(other)}s too; task.delimiter={_NAMES[other]}"
                + ("" if count == 1 else f" or {_said(delimiter)}")
            )


def _divided(line: str, delimiter: str) -> list[str]:
    if line.lstrip().startswith('"') and delimiter == " ":
        return [line]
    return line.split() if delimiter == " " else next(csv.reader([line], delimiter=delimiter), [])


def _said(delimiter: str) -> str:
    return _NAMES.get(delimiter, repr(delimiter))


def _columns(text: str, delimiter: str, count: int) -> list[Any]:
    """Return all columns, the first line among them, as strings."""
    import pyarrow as arrow
    from pyarrow import csv as arrow_csv

    held, ragged = f"{text}\n".encode(), []

    def note(row: Any) -> str:
        ragged.append(row)
        return "error"

    try:
        table = arrow_csv.read_csv(
            arrow.BufferReader(held),
            read_options=arrow_csv.ReadOptions(
                autogenerate_column_names=True, use_threads=False, block_size=max(2**20, min(len(held) + 1, 2**31 - 1))
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={f"f{place}": arrow.string() for place in range(count)}, strings_can_be_null=False
            ),
        )
    except arrow.ArrowException as fault:
        if not ragged:
            raise NotPlain(f"no table: {' '.join(str(fault).split())[:90]}") from None
        row = ragged[0]
        where = "" if row.number is None else f"line {row.number}: "
        shown = "an empty line" if not row.text.strip() else f"{row.actual_columns} cells, {brief(row.text, 40)}"
        cure = "is that a comment? take it off" if text.startswith(("#", "%", "//", '"#')) else "see task.delimiter"
        raise NotPlain(f"{where}{shown}, where the first line has {row.expected_columns}; {cure}") from None
    return [column.combine_chunks() for column in table.columns]


def _is_value(cell: str) -> bool:
    """Whether a cell of the first line looks like a number or a date and not like a name."""
    return re.fullmatch(r"[+-]?[\d.,' ]*\d[\d.,' ]*([eE][+-]?\d+)?|\d{4}[-/]\d\d?([-/]\d\d?.*)?", cell.strip()) is not None
