"""Terminal output: tables of results and of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd


def show_results(summary: pd.DataFrame) -> None:
    """Print the results of a study: forced and free level, the exposure gap with its interval, and who is missing.

    Rows are sorted by task, model, regime and the settings that differ, each of which has a column of its own.

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
    sorted_rows, axes = by_axes(shown.assign(**{name: summary[name] for name in unfinished}))
    show_table(sorted_rows, len(axes) - 1)
    if summary["gap"].notna().any():
        remark = " (the report has geometric means of errors on a ratio scale)" if summary["log"].eq(True).any() else ""
        print(f"gap = free - forced; all are means over seeds, of averages over the steps since the release{remark}")


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


#: The width of what goes into a pipe or a file: nothing has to be cut there.
_WIDE = 100_000


def _console() -> Console:
    return Console(width=None if Console().is_terminal else _WIDE, highlight=False, markup=False)


def show_table(frame: pd.DataFrame, leading: int = 2) -> None:
    """Print a frame, one line a row; values that repeat those above are left out in the `leading` columns.

    On a narrow terminal labels go on in the next line; nothing is cut.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    from pandas.api.types import is_numeric_dtype

    texts = [str(column) for column in frame.columns if not is_numeric_dtype(frame[column])]
    for column in frame.columns:
        text = str(column) in texts
        widest = 0 if text else max((len(_cell(value)) for value in frame[column]), default=0)
        table.add_column(str(column), justify="left" if text else "right", no_wrap=not text, min_width=widest, overflow="fold")
    above: list[str] = []
    for row in frame.itertuples(index=False):
        cells = [_cell(value) for value in row]
        repeats = True
        shown = []
        for position, cell in enumerate(cells):
            repeats = repeats and position < leading and position < len(above) and above[position] == cell
            shown.append("" if repeats else cell)
        table.add_row(*shown)
        above = cells
    _console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4g}"
    return str(value)
