"""Figure of training curves, to judge whether training had converged.

Reference players stand in it by the free loss over the horizon. None stands where validation has more steps or fewer: of other
steps their loss is kept at some leads alone, and a line through these is wrong by half for a player that errs at one step.
Nor where the loss was not measured, or where runs of a task charge losses in several units.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._axis_scale import frame_line
from freerun.analysis.figures._figure_data import Material, shown_values
from freerun.analysis.figures._grid import OWN_SCALES, lines_of
from freerun.analysis.figures._legend import keys, legend, modes
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._players import player_ticks_in_row, playing
from freerun.analysis.figures._style import (
    FORCED,
    FREE,
    Line,
    StudyFigure,
    curve,
    figure,
    lost_marks,
    present,
    row_label,
    shade,
    titled,
)
from freerun.analysis.figures._venues import points
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
_PLAYERS = (
    " Thin grey lines: the free loss of reference players, which need no training, on test sequences, where validation is "
    "as long as the horizon (means over seeds); those outside the frame are cut off."
)
#: So many points of a schedule have room for a mark each.
_FEW = 40
LOSSES = (("validation_forced_loss", FORCED), ("validation_free_loss", FREE))


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure: rows are tasks, columns are models, each with its strip."""
    curves = material.curves[material.curves["value"].notna()]
    curves = curves[curves["quantity"].isin([name for name, _ in LOSSES] + ["forcing_probability"])]
    if curves.empty or curves["update"].nunique() < 2:
        return {}
    tasks, look, lost = present(curves, "task_label"), material.looks, material.lost()
    methods = present(material.seen(curves), "method")
    lines = lines_of([(task, curves[curves["task_label"] == task]) for task in tasks], material)
    across = max(len(models) for _, models in lines)
    made = figure(material.paper.width_for(across), 0.7 + 1.65 * len(lines))
    panels = made.subplots(2 * len(lines), across, squeeze=False, height_ratios=[4, 1] * len(lines))
    before: list[str | None] = [None] * across
    played = False
    for row, (number, named) in enumerate(lines):
        task, models = tasks[number], [*named, *[None] * (across - len(named))]
        above, below = panels[2 * row], panels[2 * row + 1]
        of_task = curves[curves["task_label"] == task]
        meant = _meant(material, of_task)
        for axes, strip, model, earlier in zip(above, below, models, before, strict=True):
            if model is None:
                axes.set_axis_off()
                strip.set_axis_off()
                continue
            of_model = of_task[of_task["model_label"] == model]
            _panel(axes, strip, of_model, methods, look, meant is not None and meant.ratio)
            lost_marks(axes, lost[(lost["model_label"] == model) & (lost["task_label"] == task)], look, x=0.75)
            titled(axes, model, earlier)
        shown = [at for at, model in enumerate(models) if model]
        losses = of_task[of_task["quantity"] != "forcing_probability"]
        values = [losses.loc[losses["model_label"] == models[at], "value"].to_numpy() for at in shown]
        if apart := frame_line([above[at] for at in shown], values):
            made.remark = OWN_SCALES
        if meant is not None and (levels := player_losses(material, task, meant)) is not None:
            line = [above[at] for at in shown]
            for panels_ in [[axes] for axes in line] if apart else [line]:
                played |= player_ticks_in_row(panels_, levels, meant.ratio)
        above[shown[0]].set_ylabel(row_label(f"{task}\n{measure(meant.label, meant.unit) if meant else 'Loss'}"))
        below[shown[0]].set_ylabel("P(truth)", fontsize=points(7))
        for at in shown[1:]:
            below[at].tick_params(labelleft=False)
        before = models
    made.align_ylabels(panels[:, 0])
    made.supxlabel("Updates", fontsize=points(7.5))
    legend(made, keys(methods, look), modes())
    seeds = material.tables.runs.set_index("run")["seed"]
    made.data = shown_values(curves.assign(seed=seeds.reindex(curves["run"].astype("str")).to_numpy()))
    made.caption = CAPTION + (_PLAYERS if played else "")
    return {"": made}


def player_losses(material: Material, task: str, meant: Quantity) -> pd.DataFrame | None:
    """The free loss of each player where validation is as long as the horizon, a row a seed; None where it is not known.

    Args:
        material: of the study.
        task: its label.
        meant: the loss of its runs.
    """
    runs = material.runs[material.runs["task_label"] == task]
    settings = ["task.length", "evaluation.warmup", "evaluation.horizon"]
    lengths = runs[settings].drop_duplicates() if set(settings) <= set(runs) else runs.iloc[:0]
    own = playing(material.players, task, meant.name)
    charged = material.steps.loc[(material.steps["task_label"] == task) & (material.steps["metric"] == meant.name), "unit"]
    if own.empty or len(lengths) != 1 or {*charged.astype("str"), *own["unit"].astype("str")} != {meant.unit}:
        return None
    length, warmup, horizon = (float(value) for value in lengths.iloc[0])
    return own[own["step"] == 0] if length - warmup == horizon else None


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
    band = summarise(rows, ["update"], "value", log=log and bool((rows["value"] > 0).all()))
    curve(axes, band, look, number, line, opacity, markersize=2.6)
