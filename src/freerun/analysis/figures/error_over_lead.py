"""Figure of the error over the lead time since the release, forced and free."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._figure_data import Material
from freerun.analysis.figures._grid import grid
from freerun.analysis.figures._legend import keys, legend, modes
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._players import player_lines, playing
from freerun.analysis.figures._style import FORCED, FREE, StudyFigure, curve, present, shade
from freerun.analysis.inference.confidence_intervals import FEWEST, summarise
from freerun.analysis.inference.labels import measure

PLACE = 1
#: Reference players stand in it.
PLAYERS = True
CAPTION = (
    "Error on test sequences against the steps since the release, one row for each task and one column for each "
    "model. Solid: free (the model's own output is fed back); dashed: forced (the truth is fed back), on the same "
    "sequences. Lines are means over seeds, geometric for errors on a ratio scale (RMSE); bands are 95 % "
    "intervals over seeds, drawn from three seeds on and clipped at the frame. A share of sequences that "
    "have left the support (grammar) has its own row, and so has the error of a forecast against what came, beside the "
    "one-step error against the truth's own answer at what was fed."
)


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure: rows are tasks with their primary metric, columns are models."""
    steps = material.steps[material.steps["step"] >= 1]
    rows = _rows(steps, material)
    if not rows:
        return {}
    methods = present(material.seen(pd.concat([row_steps for _, row_steps in rows])), "method")
    look = material.looks
    made = grid(
        rows, ("forced", "free"), lambda axes, panel_rows: _panel(axes, panel_rows, methods, look, material), material, look
    )
    legend(made, keys(methods, look), modes())
    return {"": made}


def _rows(steps: pd.DataFrame, material: Material) -> list[tuple[str, pd.DataFrame]]:
    """For each task its own error, what that leaves out, and the error of its forecast against what came."""
    rows, quantities = [], material.quantities
    for task, metric in material.primary.items():
        of_task = steps[steps["task_label"] == task]
        units = of_task.loc[of_task["metric"] == metric, "unit"].unique()
        out = [left for unit in units if (left := quantities.of(metric, unit).left_out)]
        drifts = [material.forecasts[task]] if task in material.forecasts else []
        for name in dict.fromkeys((metric, *out, *drifts)):
            of_metric = of_task[of_task["metric"] == name]
            longer, has_errors = of_metric["step"].nunique() > 1, name not in out or (of_metric["free"] > 0).any()
            if longer and has_errors and of_metric["gap"].notna().any():
                meant = quantities.of(name, of_metric["unit"].iloc[0])
                rows.append((f"{task}\n{measure(meant.label, meant.unit)}", of_metric))
    return rows


def _panel(axes: Axes, rows: pd.DataFrame, methods: list[str], look: dict[str, Look], material: Material) -> None:
    meant = material.quantities.of(rows["metric"].iloc[0], rows["unit"].iloc[0])
    levels = rows[["forced", "free"]].to_numpy()
    finite = levels[np.isfinite(levels)]
    beside = playing(material.players, str(rows["task_label"].iloc[0]), meant.name)
    player_lines(axes, beside, levels, log=meant.ratio and bool((finite > 0).all()))
    for mode, line in (("forced", FORCED), ("free", FREE)):
        for number, method in enumerate(methods):
            known = rows[(rows["method"] == method) & rows[mode].notna()]
            band = summarise(known, ["step"], mode, log=meant.ratio and bool((known[mode] > 0).all()), within=meant.range)
            band = band[band["n"] >= min(FEWEST, band["n"].max())]
            curve(axes, band, look[method], number, line, shade(len(methods)), zorder=3)
