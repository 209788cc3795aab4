"""Figure of whole free rollouts: valid prediction time of forecasts, validity of strings."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._axis_scale import frame_dots
from freerun.analysis.figures._figure_data import Material, shown_values
from freerun.analysis.figures._legend import keys, legend
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._players import player_ticks, playing
from freerun.analysis.figures._style import (
    StudyFigure,
    across_for,
    dots,
    figure,
    lost_mark,
    model_ticks,
    page_for,
    present,
    spread,
    titled,
    upright_room,
    wrapped,
)
from freerun.analysis.inference.labels import measure

PLACE = 3
#: Reference players stand in it.
PLAYERS = True
CAPTION = (
    "Measures of a whole free rollout on test sequences; each panel says which way is better. Small dots are single seeds, "
    "markers their means, bars 95 % intervals over seeds (from three seeds on)."
)
_ACROSS = 3
_WAYS = {"higher": "more", "lower": "less", "neither": "neither way"}


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure: a panel for each task and metric of the whole rollout."""
    rows = material.steps[(material.steps["step"] == 0) & material.steps["free"].notna()]
    panels = list(rows[["task_label", "metric"]].drop_duplicates().itertuples(index=False, name=None))
    if not panels:
        return {}
    methods = present(material.seen(rows), "method")
    look = material.looks
    models = material.models(rows)
    across = across_for(material.paper, len(panels), _ACROSS, models)
    down, width = -(-len(panels) // across), page_for(material.paper, across, models)
    room = max(upright_room(names, width / across) for names in material.models_by_task(rows))
    made = figure(width, 0.5 + (2.1 + room) * down)
    grid = made.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, (task, metric) in zip(grid.flat, panels, strict=False):
        panel_rows = rows[(rows["task_label"] == task) & (rows["metric"] == metric)]
        _panel(axes, panel_rows, material, methods, look, width / across)
        titled(axes, task)
    legend(made, keys(methods, look, ""))
    made.data = shown_values(rows).drop(columns=["step", "forced", "gap"])
    return {"": made}


def _panel(axes: Axes, rows: pd.DataFrame, material: Material, methods: list[str], look: dict[str, Look], width: float) -> None:
    meant = material.quantities.of(rows["metric"].iloc[0], rows["unit"].iloc[0])
    models, within = present(material.seen(rows), "model_label"), meant.range
    lost = material.lost()
    lost = lost[lost["task_label"] == rows["task_label"].iloc[0]]
    for x, model in enumerate(models):
        for offset, method in zip(spread(len(methods)), methods, strict=True):
            values = rows.loc[(rows["model_label"] == model) & (rows["method"] == method), "free"].to_numpy()
            if len(values):
                dots(axes, x + offset, values, look[method], len(methods), within)
            lost_mark(axes, x + offset, lost[(lost["model_label"] == model) & (lost["method"] == method)], look[method])
    model_ticks(axes, models, width)
    axes.set_ylabel(f"{wrapped(measure(meant.label, meant.unit), 26)}\n({_WAYS[meant.better]} is better)")
    frame_dots(axes, rows["free"].to_numpy())
    if within[0] == 0 and (rows["free"] >= 0).all():
        top = axes.get_ylim()[1]
        axes.set_ylim(-0.03 * top, 1.03 * top)
        axes.spines["bottom"].set_position(("data", 0))
    player_ticks(axes, playing(material.players, str(rows["task_label"].iloc[0]), meant.name), log=False)
