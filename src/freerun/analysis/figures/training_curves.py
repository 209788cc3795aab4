"""Figure of training curves, to judge whether training had converged."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from freerun.analysis.figures._axis_scale import frame
from freerun.analysis.figures._figure_data import Material
from freerun.analysis.figures._grid import in_lines
from freerun.analysis.figures._style import (
    FORCED,
    FREE,
    Line,
    Look,
    every,
    figure,
    keys,
    legend,
    looks,
    lost_marks,
    modes,
    present,
    shade,
    titled,
    width_for,
)
from freerun.analysis.inference.confidence_intervals import summarise
from freerun.analysis.inference.labels import measure
from freerun.store.quantity import Quantity

PLACE = 4
CAPTION = (
    "Training curves: loss on the validation split, free (solid) and forced (dashed), against the number of "
    "updates; means over seeds with 95 % bands (from three seeds on, clipped at the frame). The strip "
    "below each panel is the probability with which the truth was fed in training, known at the updates that were "
    "logged (marked where there are few); the line only joins them."
)
#: So many points of a schedule have room for a mark each.
_FEW = 40
LOSSES = (("validation_forced_loss", FORCED), ("validation_free_loss", FREE))


def draw(material: Material) -> dict[str, Figure]:
    """One figure: rows are tasks, columns are models, each with its strip."""
    curves = material.curves[material.curves["value"].notna()]
    curves = curves[curves["quantity"].isin([name for name, _ in LOSSES] + ["forcing_probability"])]
    if curves.empty or curves["update"].nunique() < 2:
        return {}
    tasks, look, lost = present(curves, "task_label"), looks(material.methods()), material.lost()
    methods = present(material.seen(curves), "method")
    lines = [
        (task, models)
        for task in tasks
        for models in in_lines(present(material.seen(curves[curves["task_label"] == task]), "model_label"))
    ]
    across = max(len(models) for _, models in lines)
    made = figure(width_for(across), 0.7 + 1.65 * len(lines))
    panels = made.subplots(2 * len(lines), across, squeeze=False, sharey="row", height_ratios=[4, 1] * len(lines))
    before: list[str] = []
    for row, (task, models) in enumerate(lines):
        above, below = panels[2 * row], panels[2 * row + 1]
        of_task = curves[curves["task_label"] == task]
        meant = _meant(material, of_task)
        for number, (axes, strip) in enumerate(zip(above, below, strict=True)):
            if number < len(models):
                _panel(
                    axes,
                    strip,
                    of_task[of_task["model_label"] == models[number]],
                    methods,
                    look,
                    meant is not None and meant.ratio,
                )
                in_panel = (lost["model_label"] == models[number]) & (lost["task_label"] == task)
                lost_marks(axes, lost[in_panel], look, x=0.75)
                titled(axes, models[number], before[number] if number < len(before) else None)
            else:
                axes.set_axis_off()
                strip.set_axis_off()
        frame(above[0], of_task.loc[of_task["quantity"] != "forcing_probability", "value"].to_numpy())
        above[0].set_ylabel(f"{task}\n{measure(meant.label, meant.unit) if meant else 'Loss'}")
        below[0].set_ylabel("P(truth)", fontsize=7)
        before = models
    made.align_ylabels(panels[:, 0])
    made.supxlabel("Updates", fontsize=7.5)
    legend(made, [*keys(methods, look), *modes()])
    return {"": made}


def _meant(material: Material, of_task: pd.DataFrame) -> Quantity | None:
    """What the validation losses of a task mean: a curve is named after its metric; None where no run has come to an end."""
    metrics = dict.fromkeys(name.split("_", 2)[2] for name, _ in LOSSES)
    quantities = (material.quantities.on(str(task), metric) for task in of_task["task"].unique() for metric in metrics)
    return next((quantity for quantity in quantities if quantity is not None), None)


def _panel(axes: Axes, strip: Axes, rows: pd.DataFrame, methods: list[str], look: dict[str, Look], log: bool) -> None:
    for number, method in enumerate(methods):
        of_method = rows[rows["method"] == method]
        for quantity_, line in LOSSES:
            _line(axes, of_method[of_method["quantity"] == quantity_], look[method], number, line, log, shade(len(methods)))
        _points(strip, of_method[of_method["quantity"] == "forcing_probability"], look[method])
    strip.sharex(axes)
    axes.tick_params(labelbottom=False)
    strip.set_ylim(-0.15, 1.15)
    strip.set_yticks([0, 1])


def _points(strip: Axes, rows: pd.DataFrame, look: Look) -> None:
    """The logged points of a schedule, joined by a thin line."""
    means = rows.groupby("update")["value"].mean()
    marker = look.marker if len(means) <= _FEW else ""
    strip.plot(means.index, means, color=look.colour, marker=marker, markersize=2, linewidth=0.4, markeredgewidth=0)


def _line(axes: Axes, rows: pd.DataFrame, look: Look, number: int, line: Line, log: bool, opacity: float) -> None:
    if rows.empty:
        return
    band = summarise(rows, ["update"], "value", log=log and bool((rows["value"] > 0).all()))
    gap = every(len(band))
    axes.plot(
        band["update"], band["mean"], color=look.colour, linestyle=line, marker=look.marker,
        markevery=(min(number * gap // 4, len(band) - 1), gap), markersize=2.6,
    )  # fmt: skip
    axes.fill_between(band["update"], band["low"], band["high"], color=look.colour, alpha=opacity, linewidth=0)
