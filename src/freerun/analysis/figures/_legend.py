"""Legends of figures: the methods, and what tells the free evaluation from the forced one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D

from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._style import FORCED, FREE, GREY, LETTER, wrapped

#: What a legend calls the modes of evaluation, so that none is taken for a regime of training.
EVALUATED = {"free": "evaluated free", "forced": "evaluated forced"}
#: A line of a legend and the space around it in letters, and the size of a letter that `LETTER` is of.
_HANDLE, _LEGEND = 7, 7.0


def legend(made: Figure, handles: Sequence[Line2D], modes: Sequence[Line2D] = ()) -> None:
    """One legend above all panels, in as many rows as its words need; a label wider than the figure is broken into lines.

    Args:
        made: the figure, which grows by the rows of the legend.
        handles: the entries of the methods.
        modes: those that say what a line or a filling means, in rows of their own below the methods.
    """
    if not [*handles, *modes]:
        return
    size = FontProperties(size=mpl.rcParams["legend.fontsize"]).get_size_in_points()
    room = made.get_figwidth() * 72 / (LETTER * size / _LEGEND)
    for handle in (*handles, *modes):
        handle.set_label(wrapped(str(handle.get_label()), int(room) - _HANDLE))
    texts = [str(handle.get_label()).splitlines() for handle in (*handles, *modes)]
    widest = max(len(line) for lines in texts for line in lines) + _HANDLE
    columns = max(1, min(max(len(handles), len(modes)), int(room / widest)))
    rows = [row for block in (handles, modes) for row in _rows(block, columns)]
    lines = sum(max(len(str(handle.get_label()).splitlines() or [""]) for handle in row) for row in rows)
    made.set_figheight(made.get_figheight() + 0.16 * size / _LEGEND * (lines - 1))
    by_column = [row[number] for number in range(columns) for row in rows] if modes else handles
    made.legend(handles=by_column, loc="outside upper center", ncols=columns, columnspacing=1.4)


def _rows(handles: Sequence[Line2D], columns: int) -> list[list[Line2D]]:
    """Entries in rows of so many columns, one column after the other; empty ones fill the last column."""
    down = -(-len(handles) // columns)
    empty = [Line2D([], [], linestyle="", label=" ") for _ in range(down * columns - len(handles))]
    filled = [*handles, *empty]
    return [[filled[number * down + row] for number in range(columns)] for row in range(down)]


def keys(methods: Sequence[str], look: dict[str, Look], line: Literal["-", ""] = "-") -> list[Line2D]:
    """Legend entries of the methods."""
    return [Line2D([], [], color=look[name].colour, marker=look[name].marker, linestyle=line, label=name) for name in methods]


def modes() -> list[Line2D]:
    """Legend entries that tell the free evaluation from the forced one; no regime is called so."""
    return [
        Line2D([], [], color=GREY, linestyle=FREE, label=EVALUATED["free"]),
        Line2D([], [], color=GREY, linestyle=FORCED, label=EVALUATED["forced"]),
    ]
