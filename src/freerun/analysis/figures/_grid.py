"""Grid of panels: a row for every task, a column for every model; the models of a long row go on in lines below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from freerun.analysis.figures._axis_scale import frame
from freerun.analysis.figures._figure_data import Material
from freerun.analysis.figures._style import Look, figure, lost_marks, present, titled, width_for

#: Most panels side by side on a page: those of further models stand in lines below.
ACROSS = 4


def in_lines(models: Sequence[str], across: int = ACROSS) -> list[list[str]]:
    """The models of a task in lines of panels, as even as they can be, of at most `across` each."""
    down = -(-len(models) // across)
    wide = -(-len(models) // down)
    return [list(models[at : at + wide]) for at in range(0, len(models), wide)]


def grid(
    rows: Sequence[tuple[str, pd.DataFrame]],
    values: Sequence[str],
    panel: Callable[[Axes, pd.DataFrame], None],
    material: Material,
    look: dict[str, Look],
) -> Figure:
    """One figure over the steps since the release.

    Args:
        rows: a label and the rows of a table for each row of panels.
        values: the columns that the frame of a row has to hold.
        panel: draws the rows of one model.
        material: tells which runs are lost, which is marked; a model of which every run is lost has a panel too.
        look: of every method.
    """
    lines = [
        (label, table, models) for label, table in rows for models in in_lines(present(material.seen(table), "model_label"))
    ]
    lost = material.lost()
    across = max(len(models) for _, _, models in lines)
    made = figure(width_for(across), 0.7 + 1.45 * len(lines))
    panels = made.subplots(len(lines), across, squeeze=False, sharey="row")
    above: list[str] = []
    for (label, table, models), line in zip(lines, panels, strict=True):
        for number, axes in enumerate(line):
            if number < len(models):
                panel(axes, table[table["model_label"] == models[number]])
                in_panel = (lost["model_label"] == models[number]) & lost["task_label"].isin(list(table["task_label"].unique()))
                lost_marks(axes, lost[in_panel], look)
                titled(axes, models[number], above[number] if number < len(above) else None)
            else:
                axes.set_axis_off()
        frame(line[0], table[list(values)].to_numpy())
        line[0].set_ylabel(label)
        above = models
    made.align_ylabels(panels[:, 0])
    made.supxlabel("Steps since the release", fontsize=7.5)
    return made
