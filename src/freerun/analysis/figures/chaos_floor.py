"""Figure of the chaos floor: the share of the free error that is the world's own, over the lead time.

Of reference players the free error stands beside those of the models; a chaos floor explains a model, and they have none.
"""

from __future__ import annotations

from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from freerun.analysis.figures._figure_data import Material
from freerun.analysis.figures._grid import grid
from freerun.analysis.figures._legend import EVALUATED, keys, legend
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._players import PLAYERS_CAPTION, free_lines
from freerun.analysis.figures._style import FREE, GREY, StudyFigure, curve, present
from freerun.analysis.inference.chaos_share import split
from freerun.analysis.inference.confidence_intervals import summarise
from freerun.analysis.inference.labels import measure

PLACE = 7
CAPTION = (
    "Free error (solid) and chaos floor (dotted) on test sequences against the steps since the release: what the true system "
    "would make of the model's own first error. The error below the dotted line comes from the system and that first error, "
    "the distance between the two lines of a colour from all later errors of the model; one without exposure bias has them "
    "too. Geometric means over seeds; bands are 95 % intervals over seeds (from three seeds on)."
)
WORLD: tuple[Literal[0], tuple[float, float]] = (0, (1, 1.2))


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure: rows are tasks with a floor, columns are models."""
    parts = split(material.steps, material.compared, material.quantities)
    parts = parts[parts["floor"].notna() & (parts["floor"] > 0) & (parts["free"] > 0)]
    if parts.empty:
        return {}
    rows = [
        (f"{task}\n{measure(str(task_rows['label'].iloc[0]), str(task_rows['unit'].iloc[0]))}", task_rows)
        for task, task_rows in material.quantities.marked(parts).groupby("task_label", observed=True, sort=True)
    ]
    methods, look = present(material.seen(parts), "method"), material.looks
    played: list[bool] = []

    def panel(axes: Axes, panel_rows: pd.DataFrame) -> None:
        _panel(axes, panel_rows, methods, look)
        played.append(free_lines(axes, material.players, panel_rows, ["floor", "free"]))

    made = grid(rows, ("floor", "free"), panel, material, look)
    meant = ((FREE, EVALUATED["free"]), (WORLD, "chaos floor"))
    legend(made, keys(methods, look), [Line2D([], [], color=GREY, linestyle=line, label=name) for line, name in meant])
    made.caption = f"{CAPTION} {PLAYERS_CAPTION}" if any(played) else CAPTION
    return {"": made}


def _panel(axes: Axes, rows: pd.DataFrame, methods: list[str], look: dict[str, Look]) -> None:
    for level, line in (("free", FREE), ("floor", WORLD)):
        for number, method in enumerate(methods):
            band = summarise(rows[rows["method"] == method], ["step"], level, log=True)
            curve(axes, band, look[method], number, line, 0.12, zorder=3, **({} if level == "free" else {"marker": ""}))
