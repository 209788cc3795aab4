"""Figure of a comparison: the difference of two regimes, models or studies, with its intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from freerun.analysis.figures._axis_scale import readable
from freerun.analysis.figures._figure_data import LOST_MARK
from freerun.analysis.figures._legend import EVALUATED, legend
from freerun.analysis.figures._style import GREY, figure, wrapped
from freerun.analysis.figures._venues import points
from freerun.analysis.inference.labels import shown
from freerun.analysis.inference.power import LEVEL

#: The marker, the colour and the place of each mode in its line; no colour is that of a method in other figures.
_LEVELS = {"free": ("o", "0", 0.15), "forced": ("s", "0.55", -0.15)}

#: Most letters of a line below a panel.
_LONGEST = 56


def draw(table: pd.DataFrame, a: str, b: str, lost: Sequence[str] = ()) -> Figure:
    """A line for each task and model: the change of `a` from `b`, free and forced, with its interval; one panel a unit.

    Above each panel stands on which side which of the two is better.

    Args:
        table: what `two_sides.versus` gives.
        a, b: the names of the sides.
        lost: how many runs of each side have no result, in words, where there are some.
    """
    named = table.assign(line=[_line(row) for row in table.to_dict("records")])
    kinds = [_panel_of(row) for row in table.to_dict("records")]
    panels = {panel: named[[panel_of_row == panel for panel_of_row in kinds]] for panel in dict.fromkeys(kinds)}
    sizes = [rows["line"].nunique() for rows in panels.values()]
    made = figure(5.2, 0.6 + sum(0.78 + 0.3 * size for size in sizes))
    grid = made.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": [size + 0.6 for size in sizes]})
    for axes, ((ratio, way, unit), rows) in zip(grid[:, 0], panels.items(), strict=True):
        measures = rows["label"].unique()
        whose = f"{measures[0]}\n" if len(measures) == 1 else ""
        _panel(axes, rows, ratio, whose + (f"{a} / {b}" if ratio else f"{a} \N{MINUS SIGN} {b}"), unit)
        if way != "neither":
            _sides(axes, *((b, a) if way == "higher" else (a, b)))
    levels = {name: look for name, look in _LEVELS.items() if (table["level"] == name).any()}
    keys = [Line2D([], [], color=c, marker=m, linestyle="", label=EVALUATED[name]) for name, (m, c, _) in levels.items()]
    said = f"hollow: not shown at p < {LEVEL:g}"
    hollow = [Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="", label=said)]
    gone = [Line2D([], [], linestyle="", label=f"{LOST_MARK} {line}") for line in lost]
    legend(made, [*keys, *(hollow if (table["holm"] > LEVEL).any() else []), *gone])
    return made


def _line(row: Mapping[Any, Any]) -> str:
    return ", ".join(str(row[name]) for name in ("task_label", "model_label", "setting") if row[name])


def _panel_of(row: Mapping[Any, Any]) -> tuple[bool, str, str]:
    """In which panel a row stands: whether it is a ratio, which way is better, and the unit of a difference."""
    ratio = bool(row["ratio"])
    return ratio, str(row["better"]), "" if ratio else str(row["unit"])


def _sides(axes: Axes, left: str, right: str) -> None:
    """Say above a panel who is better on either side of no change."""
    axes.set_title(f"\N{LEFTWARDS ARROW} {wrapped(left, 30)} better", loc="left", fontsize=points(7), color=GREY)
    axes.set_title(f"{wrapped(right, 30)} better \N{RIGHTWARDS ARROW}", loc="right", fontsize=points(7), color=GREY)


def _panel(axes: Axes, rows: pd.DataFrame, ratio: bool, name: str, unit: str) -> None:
    lines = list(dict.fromkeys(rows["line"]))
    for row in rows.to_dict("records"):
        marker, colour, beside = _LEVELS[row["level"]]
        y = len(lines) - 1 - lines.index(row["line"]) + beside
        if np.isfinite(row["low"]):
            axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.3)
        face = colour if row["holm"] <= LEVEL else "white"
        axes.plot([row["mean"]], [y], color=colour, marker=marker, markerfacecolor=face, linestyle="", markersize=4)
    axes.axvline(1 if ratio else 0, color=GREY, linewidth=0.6, zorder=0)
    if ratio:
        axes.set_xscale("log")
        readable(axes.xaxis)
    axes.set_yticks(range(len(lines)), [wrapped(line, 34) for line in lines[::-1]])
    axes.set_ylim(-0.6, len(lines) - 0.4)
    text = name if ratio or not unit else f"{name} ({shown(unit)})"
    axes.set_xlabel("\n".join(wrapped(line, _LONGEST) for line in text.splitlines()))
