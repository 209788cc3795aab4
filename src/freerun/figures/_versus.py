"""By how much do two regimes, models or studies differ, and where is it known?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from freerun.figures._style import COLOURS, GREY, figure, legend
from freerun.stats.labels import shown
from freerun.stats.power import LEVEL

_LEVELS = {"free": ("o", COLOURS[0], 0.15), "forced": ("s", COLOURS[1], -0.15)}


def draw(table: pd.DataFrame, a: str, b: str) -> Figure:
    """A line for each task and model: the change of `a` from `b`, free and forced, with its interval; one panel a unit.

    Args:
        table: what `stats.versus.versus` gives.
    """
    named = table.assign(
        line=[_line(row) for row in table.to_dict("records")],
        panel=["" if row["ratio"] else str(row["unit"]) for row in table.to_dict("records")],
        kind=table["ratio"].astype(bool),
    )
    panels = list(dict.fromkeys(zip(named["kind"], named["panel"], strict=True)))
    sizes = [named[(named["kind"] == kind) & (named["panel"] == unit)]["line"].nunique() for kind, unit in panels]
    made = figure(5.2, 0.6 + sum(0.5 + 0.3 * size for size in sizes))
    grid = made.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": [size + 0.6 for size in sizes]})
    for axes, (kind, unit) in zip(grid[:, 0], panels, strict=True):
        name = f"{a} / {b}" if kind else f"{a} \N{MINUS SIGN} {b}"
        _panel(axes, named[(named["kind"] == kind) & (named["panel"] == unit)], kind, name, unit)
    keys = [Line2D([], [], color=c, marker=m, linestyle="", label=name) for name, (m, c, _) in _LEVELS.items()]
    said = f"hollow: not shown at p < {LEVEL:g}"
    hollow = Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="", label=said)
    legend(made, [*keys, hollow])
    return made


def _line(row: Mapping[Any, Any]) -> str:
    return ", ".join(str(row[name]) for name in ("task_label", "model_label", "setting") if row[name])


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
        seen = rows[["mean", "low", "high"]].to_numpy(dtype=float)
        seen = seen[np.isfinite(seen) & (seen > 0)]
        few = len(seen) == 0 or max(seen.max(), 1) < 30 * min(seen.min(), 1)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(lines)), lines[::-1])
    axes.set_ylim(-0.6, len(lines) - 0.4)
    axes.set_xlabel(name if ratio or not unit else f"{name} ({shown(unit)})")
