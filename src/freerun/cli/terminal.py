"""Terminal output: tables of results and of rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd


def show_results(summary: pd.DataFrame) -> None:
    """Print the results of a study: forced and free level, the exposure gap with its interval, and who is missing.

    Rows are sorted by task, model, regime and the settings that differ, each of which has a column of its own.

    Where that many columns have no room even in several lines, there is a heading for each task and model instead.

    Every number is an arithmetic mean over seeds, so that the gap is the difference of the two levels beside it.
    """
    from freerun.analysis.report.axis_columns import by_axes

    interval = [_interval(low, high) for low, high in zip(summary["gap_low"], summary["gap_high"], strict=True)]
    measure = [
        "-" if metric != metric else f"{metric}, {unit}" if unit else str(metric)
        for metric, unit in zip(summary["metric"], summary["unit"], strict=True)
    ]
    shown = summary[["task", "model", "regime"]].assign(measure=measure)
    shown = shown.assign(forced=summary["forced"], free=summary["free"], gap=summary["gap"])
    shown["95 % interval"] = interval
    shown["seeds"] = summary["n"]
    unfinished = [name for name in ("diverged", "failed", "pending") if summary[name].any()]
    shown = shown.assign(**{name: summary[name] for name in unfinished})
    sorted_rows, axes = by_axes(shown)
    narrow = _console().width < _ROOMY
    table = _narrow(sorted_rows) if narrow else sorted_rows
    if narrow and not _fits(table, _console().width):
        headings = [f"{row.task}, {row.model}: {row.measure}" for row in shown.itertuples()]
        without = [name for name in ("forced", "gap", "95 % interval") if not shown[name].replace("", None).notna().any()]
        show_table(shown.drop(columns=["task", "model", "measure", *without]), 0, headings)
    else:
        show_table(table, len(axes) - 1)
    if summary["gap"].notna().any():
        remark = " (the report has geometric means of errors on a ratio scale)" if summary["log"].eq(True).any() else ""
        print(f"gap = free - forced; all are means over seeds, of averages over the steps since the release{remark}")


def _narrow(results: pd.DataFrame) -> pd.DataFrame:
    """Results for a narrow terminal: the measure stands below its task, once, and a column without any interval is left out."""
    measured = results.assign(task=[f"{task}: {of}" for task, of in zip(results["task"], results["measure"], strict=True)])
    return measured.drop(columns=["measure", *([] if results["95 % interval"].any() else ["95 % interval"])])


def _interval(low: float, high: float) -> str:
    return "" if low != low else f"{low:.3g} to {high:.3g}"


def show_rows(head: list[str], rows: list[list[str]]) -> None:
    """Print a small table of text: names to the left, all else to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    _console().print(table)


#: The width from which on results have a column for the measure.
_ROOMY = 100
#: The width of what goes into a pipe or a file: nothing has to be cut there.
_WIDE = 100_000


def _console() -> Console:
    return Console(width=None if Console().is_terminal else _WIDE, highlight=False, markup=False)


def show_table(frame: pd.DataFrame, leading: int = 2, headings: Sequence[str] = ()) -> None:
    """Print a frame, one line a row; values that repeat those above are left out in the `leading` columns.

    Rows of one of the `headings`, one a row where there are any, stand together below it.

    On a narrow terminal labels go on in the next line, at a space or a sign as long as there is room; nothing is cut.
    """
    console = _console()
    names, texts, rows = _cells(frame)
    widths = _widths([[name, *(row[at] for row in rows)] for at, name in enumerate(names)], texts, console.width)
    table = _empty(names, texts, widths)
    above: list[str] = []
    for number, cells in enumerate(rows):
        if headings and (number == 0 or headings[number] != headings[number - 1]):
            if number:
                console.print(table)
                table = _empty(names, texts, widths)
                table.show_header = False
            console.print(headings[number], style="bold")
        repeats = True
        shown = []
        for position, cell in enumerate(cells):
            repeats = repeats and position < leading and position < len(above) and above[position] == cell
            shown.append("" if repeats else _wrapped(cell, widths[position]))
        table.add_row(*shown)
        above = cells
    console.print(table)


def _cells(frame: pd.DataFrame) -> tuple[list[str], list[bool], list[list[str]]]:
    """The names of the columns of a frame, which of them are texts, and its rows in words."""
    from pandas.api.types import is_numeric_dtype

    texts = [not is_numeric_dtype(frame[column]) for column in frame.columns]
    return [str(column) for column in frame.columns], texts, [[_cell(v) for v in row] for row in frame.itertuples(index=False)]


def _empty(names: Sequence[str], texts: Sequence[bool], widths: Sequence[int]) -> Table:
    """A table without rows."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name, text, width in zip(names, texts, widths, strict=True):
        justify: Literal["left", "right"] = "left" if text else "right"
        table.add_column(_wrapped(name, width), justify=justify, no_wrap=not text, width=width, overflow="fold")
    return table


def _fits(frame: pd.DataFrame, room: int) -> bool:
    """Whether a frame has room without a word that goes on in the next line."""
    names, texts, rows = _cells(frame)
    columns = [[name, *(row[at] for row in rows)] for at, name in enumerate(names)]
    least = [_longest_piece(cells) if text else max(map(len, cells)) for cells, text in zip(columns, texts, strict=True)]
    return sum(least) + 2 * (len(least) - 1) <= room


def _longest_piece(cells: Sequence[str]) -> int:
    return max(len(piece.rstrip()) for cell in cells for piece in _PIECE.findall(cell))


#: Where a label may go on in the next line: behind a space, or one of these signs in a word.
_PIECE = re.compile(r"\S*?(?:\s|(?<=[A-Za-z])[_-]|$)")
#: Fewest letters of a line of a label, however narrow the terminal.
_FEWEST = 5


def _widths(columns: list[list[str]], texts: list[bool], room: int) -> list[int]:
    """How wide columns are: as their widest cell where that fits; else the widest of the `texts` give way.

    Down to their longest piece first, and then further.
    """
    widths = [max(map(len, cells)) for cells in columns]
    pieces = [_longest_piece(cells) for cells in columns]
    for least in (pieces, [_FEWEST] * len(columns)):
        while sum(widths) + 2 * (len(widths) - 1) > room:
            able = [at for at, text in enumerate(texts) if text and widths[at] > least[at]]
            if not able:
                break
            widths[max(able, key=lambda at: widths[at])] -= 1
    return widths


def _wrapped(text: str, width: int) -> str:
    """A label in lines of at most so many letters, unless a piece of it is longer."""
    lines = [""]
    for piece in _PIECE.findall(text):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4g}"
    return str(value)
