"""Figure of the gap between free and forced by model and regime."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from freerun.analysis.figures._axis_scale import decades, frame_dots
from freerun.analysis.figures._figure_data import Material, shown_values
from freerun.analysis.figures._legend import EVALUATED, keys, legend
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._players import player_ticks, playing
from freerun.analysis.figures._style import (
    GREY,
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
)
from freerun.analysis.inference.confidence_intervals import mean_interval
from freerun.analysis.inference.labels import measure, shown

PLACE = 2
#: Reference players stand in it.
PLAYERS = True
CAPTION = (
    "Free minus forced by model and regime on test sequences. Above, the two levels, averaged over the steps since the "
    "release: forced (hollow) and free (filled), means over seeds, geometric for errors on a ratio scale. Below, their "
    "difference: small dots are single seeds, markers their means, bars 95 % intervals over seeds (from three seeds on). It is "
    "named exposure bias where the error is a one-step error against the truth's own answer at what was fed."
)
_ACROSS = 2


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure: a column for each task, levels above and the gap below."""
    tasks = [task for task, metric in material.primary.items() if _rolls(material, task, metric)]
    if not tasks:
        return {}
    look = material.looks
    shown = material.whole[material.whole["task_label"].isin(tasks)]
    models = material.models(shown)
    across = across_for(material.paper, len(tasks), _ACROSS, models)
    down, width = -(-len(tasks) // across), page_for(material.paper, across, models)
    room = max(upright_room(names, width / across) for names in material.models_by_task(shown))
    made = figure(width, 0.5 + (2.9 + room) * down)
    panels = made.subplots(2 * down, across, squeeze=False, sharex=False)
    for axes in panels.flat[:]:
        axes.set_axis_off()
    for number, task in enumerate(tasks):
        above, below = panels[2 * (number // across), number % across], panels[2 * (number // across) + 1, number % across]
        rows = material.whole[(material.whole["task_label"] == task) & (material.whole["metric"] == material.primary[task])]
        _task(above, below, rows, material, look, width / across)
        titled(above, task)
    ends = [
        Line2D([], [], color=GREY, marker="o", linestyle="", label=EVALUATED["free"]),
        Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="", label=EVALUATED["forced"]),
    ]
    legend(made, keys(present(material.seen(shown), "method"), look, ""), ends)
    own = shown["metric"].astype(object) == shown["task_label"].astype(object).map(material.primary)
    made.data = shown_values(shown[own])
    return {"": made}


def _rolls(material: Material, task: str, metric: str) -> bool:
    """Whether a task has more than one step since the release, so that there is a loop to be closed."""
    rows = material.steps[(material.steps["task_label"] == task) & (material.steps["metric"] == metric)]
    return rows["step"].nunique() > 1 and bool(rows["gap"].notna().any())


def _task(above: Axes, below: Axes, rows: pd.DataFrame, material: Material, look: dict[str, Look], width: float) -> None:
    meant, seen = material.quantities.of(rows["metric"].iloc[0], rows["unit"].iloc[0]), material.seen(rows)
    models, run, lost = present(seen, "model_label"), present(seen, "method"), material.lost()
    lost = lost[lost["task_label"] == rows["task_label"].iloc[0]]
    for axes in (above, below):
        axes.set_axis_on()
    log = meant.ratio and bool((rows[["forced", "free"]].stack() > 0).all())
    for x, model in enumerate(models):
        for offset, method in zip(spread(len(run)), run, strict=True):
            cell_rows = rows[(rows["model_label"] == model) & (rows["method"] == method)]
            if cell_rows["gap"].notna().any():
                _levels(above, x + offset, cell_rows, look[method], log)
                dots(below, x + offset, cell_rows["gap"].to_numpy(), look[method], len(run), meant.change)
            lost_mark(below, x + offset, lost[(lost["model_label"] == model) & (lost["method"] == method)], look[method])
    decades(above, rows[["forced", "free"]].to_numpy())
    player_ticks(above, playing(material.players, str(rows["task_label"].iloc[0]), meant.name), log)
    frame_dots(above, rows[["forced", "free"]].to_numpy())
    frame_dots(below, rows["gap"].to_numpy())
    _zero(below)
    above.set_ylabel(measure(meant.label, meant.unit).replace(" (", "\n("))
    named = "Exposure bias" if meant.account == "one-step error" else "Free minus forced"
    below.set_ylabel(f"{named}\n({shown(meant.unit)})")
    model_ticks(above, models, width, named=False)
    model_ticks(below, models, width)


def _zero(axes: Axes) -> None:
    """The line of no gap, where the panel would not be half empty with it."""
    low, high = axes.get_ylim()
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=0)
    if high - low < 0.5 * (max(high, 0.0) - min(low, 0.0)):
        axes.set_ylim(low, high)


def _levels(axes: Axes, x: float, rows: pd.DataFrame, look: Look, log: bool) -> None:
    forced, free = (mean_interval(rows[mode].to_numpy(), log).mean for mode in ("forced", "free"))
    axes.plot([x, x], [forced, free], color=look.colour, linewidth=0.8, zorder=1)
    axes.plot([x], [free], color=look.colour, marker=look.marker, linestyle="", markersize=4)
    axes.plot([x], [forced], color=look.colour, marker=look.marker, linestyle="", markersize=4, markerfacecolor="white")
