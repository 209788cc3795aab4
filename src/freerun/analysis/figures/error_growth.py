"""Figure of error growth: the free error over the lead time, with the curve that was fitted to it.

Of reference players the free error itself is drawn, at the leads that are kept; no form is fitted to so few.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._figure_data import Material, shown_values
from freerun.analysis.figures._grid import grid
from freerun.analysis.figures._legend import keys, legend
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._players import PLAYERS_CAPTION, free_lines
from freerun.analysis.figures._style import StudyFigure, every, present
from freerun.analysis.inference.curve_fits import fitted
from freerun.analysis.inference.error_growth_fit import growing, means
from freerun.analysis.inference.labels import measure
from freerun.analysis.inference.replicates import CELL

PLACE = 8
CAPTION = (
    "Growth of the free error on test sequences. Markers: geometric means over seeds of the free error at some steps since the "
    "release; lines: the form with the smallest BIC, fitted to the means over all steps; level where no growth is shown. A "
    "condition without a line could not be fitted."
)


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure: rows are tasks whose error is on a ratio scale, columns are models."""
    table = growing(material.steps, material.forecasts, material.quantities)
    table = table[table["form"] != "undefined"]
    if table.empty:
        return {}
    curves = pd.concat([means(material.steps, row, material.quantities) for row in table.to_dict("records")], ignore_index=True)
    for name in CELL:
        curves[name] = pd.Categorical(curves[name], categories=material.runs[name].cat.categories)
    rows = [
        (f"{task}\n{measure(str(task_rows['label'].iloc[0]), str(task_rows['unit'].iloc[0]))}", task_rows)
        for task, task_rows in curves.groupby("task_label", observed=True, sort=True)
    ]
    methods, look = present(material.seen(curves), "method"), material.looks
    played: list[bool] = []

    def panel(axes: Axes, panel_rows: pd.DataFrame) -> None:
        _panel(axes, panel_rows, methods, look)
        played.append(free_lines(axes, material.players, panel_rows, ["free"]))

    made = grid(rows, ("free",), panel, material, look)
    legend(made, keys(methods, look))
    made.data = shown_values(curves)
    made.caption = f"{CAPTION} {PLAYERS_CAPTION}" if any(played) else CAPTION
    return {"": made}


def _panel(axes: Axes, rows: pd.DataFrame, methods: list[str], look: dict[str, Look]) -> None:
    for number, method in enumerate(methods):
        curve = rows[rows["method"] == method].sort_values("step")
        if curve.empty:
            continue
        seen, gap = look[method], every(len(curve), 12)
        time, errors = curve["step"].to_numpy(dtype=float), curve["free"].to_numpy(dtype=float)
        marked = np.arange(len(curve))[number * gap // 4 :: gap]
        axes.plot(time[marked], errors[marked], color=seen.colour, marker=seen.marker, linestyle="", markersize=2.6, alpha=0.8)
        axes.plot(time, fitted(str(curve["form"].iloc[0]), time, errors), color=seen.colour, linewidth=1.1)
