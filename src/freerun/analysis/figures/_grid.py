"""Grid of panels: a row for every task, a column for every model; the models of a long row go on in lines below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._axis_scale import frame_line
from freerun.analysis.figures._figure_data import Material, shown_values
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._style import StudyFigure, figure, lost_marks, row_label, titled
from freerun.analysis.figures._venues import points

#: Most panels side by side on a page: those of further models stand in lines below.
ACROSS = 4
OWN_SCALES = "Panels of a row share their scale, unless one of them would be half empty: then each has ticks of its own."


def in_lines(models: Sequence[str], across: int = ACROSS) -> list[list[str]]:
    """The models of a figure in lines of panels, as even as they can be, of at most `across` each."""
    down = -(-len(models) // across)
    wide = -(-len(models) // down)
    return [list(models[at : at + wide]) for at in range(0, len(models), wide)]


def lines_of(rows: Sequence[tuple[str, pd.DataFrame]], material: Material) -> list[tuple[int, list[str | None]]]:
    """Which panels stand in which line: the number of the row, and its models, each in its column of the whole figure.

    A model that a row does not have leaves its place empty; a line without any model is left out.
    """
    of_rows = [set(material.seen(table)["model_label"].astype(str)) for _, table in rows]
    order = [str(name) for name in material.runs["model_label"].cat.categories]
    everywhere = in_lines([name for name in order if any(name in of_row for of_row in of_rows)], material.paper.across(ACROSS))
    lines = []
    for number, of_row in enumerate(of_rows):
        for models in everywhere:
            places = [name if name in of_row else None for name in models]
            if any(places):
                lines.append((number, places))
    return lines


def grid(
    rows: Sequence[tuple[str, pd.DataFrame]],
    values: Sequence[str],
    panel: Callable[[Axes, pd.DataFrame], None],
    material: Material,
    look: dict[str, Look],
) -> StudyFigure:
    """One figure over the steps since the release; its `data` are the values of single runs.

    Args:
        rows: a label and the rows of a table for each row of panels.
        values: the columns that the frame of a row has to hold.
        panel: draws the rows of one model.
        material: tells which runs are lost, which is marked; a model of which every run is lost has a panel too.
        look: of every method.
    """
    lines, lost = lines_of(rows, material), material.lost()
    across = max(len(models) for _, models in lines)
    made = figure(material.paper.width_for(across), 0.7 + 1.45 * len(lines))
    panels = made.subplots(len(lines), across, squeeze=False)
    above: list[str | None] = [None] * across
    for (number, models), line in zip(lines, panels, strict=True):
        (label, table), shown = rows[number], list[tuple[Axes, pd.DataFrame]]()
        of_task = lost[lost["task_label"].isin(list(table["task_label"].unique()))]
        for axes, model, before in zip(line, [*models, *[None] * (across - len(models))], above, strict=True):
            if model is None:
                axes.set_axis_off()
                continue
            shown.append((axes, table[table["model_label"] == model]))
            panel(*shown[-1])
            lost_marks(axes, of_task[of_task["model_label"] == model], look)
            titled(axes, model, before)
        if frame_line([axes for axes, _ in shown], [of_model[list(values)].to_numpy() for _, of_model in shown]):
            made.remark = OWN_SCALES
        shown[0][0].set_ylabel(row_label(label))
        above = [*models, *[None] * (across - len(models))]
    made.align_ylabels(panels[:, 0])
    made.supxlabel("Steps since the release", fontsize=points(7.5))
    made.data = shown_values(pd.concat([table for _, table in rows]))
    return made
