"""Figure of the gap: free minus forced over the lead time since the release."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._axis_scale import drawn_in
from freerun.analysis.figures._figure_data import Material
from freerun.analysis.figures._grid import grid
from freerun.analysis.figures._legend import keys, legend
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._players import player_lines
from freerun.analysis.figures._style import FREE, GREY, StudyFigure, curve, present, shade
from freerun.analysis.inference.chaos_share import split
from freerun.analysis.inference.confidence_intervals import FEWEST, summarise
from freerun.analysis.inference.gap_interval import geometric_gaps
from freerun.analysis.inference.labels import measure
from freerun.store.quantity import Quantity

PLACE = 1.5
#: It is drawn where it is asked for by its name, and for a paper.
USUAL = False
CAPTION = (
    "Gap on test sequences against the steps since the release: free (the model's own output is fed back) minus forced (the "
    "truth is fed back) on the same sequences, one row for each task and one column for each model. At the first step the two "
    "agree. Lines are means over seeds, for errors on a ratio scale (RMSE) differences of geometric means; bands are 95 % "
    "intervals over seeds, each of one step alone and not of the whole curve at once, drawn from three seeds on and clipped at "
    "the frame. The gap is named exposure bias where the error is a one-step error against the truth's own answer at what was "
    "fed."
)
_PLAYERS = " Thin grey lines: the gap of reference players, which need no training."
_DRIFT = (
    " Dotted: the gap that the world's chaos alone makes of the model's first error (chaos floor minus forced); what lies "
    "above is of all later errors."
)
_WORLD = (0, (1, 1.2))


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure: rows are tasks with the gap of their error, columns are models."""
    steps = material.steps[(material.steps["step"] >= 1) & material.steps["gap"].notna()]
    rows = _rows(steps, material)
    if not rows:
        return {}
    floors = split(material.steps, material.compared, material.quantities)
    methods = present(material.seen(pd.concat([table for _, table in rows])), "method")
    look = material.looks
    told: set[str] = set()

    def panel(axes: Axes, table: pd.DataFrame) -> None:
        told.update(_panel(axes, table, methods, look, material, floors))

    made = grid(rows, ("gap",), panel, material, look)
    for axes in (axes for axes in made.axes if axes.axison):
        axes.axhline(0, color=GREY, linewidth=0.6, zorder=0)
    legend(made, keys(methods, look))
    made.caption = CAPTION + "".join(sorted(told, reverse=True))
    return {"": made}


def _rows(steps: pd.DataFrame, material: Material) -> list[tuple[str, pd.DataFrame]]:
    """For each task its own error and that of its forecast against what came, as far as there is more than one step of them."""
    rows = []
    for task, metric in material.primary.items():
        of_task = steps[steps["task_label"] == task]
        for name in dict.fromkeys((metric, material.forecasts.get(task, metric))):
            of_metric = of_task[of_task["metric"] == name]
            if of_metric["step"].nunique() > 1:
                meant = material.quantities.of(name, of_metric["unit"].iloc[0])
                rows.append((f"{task}\n{_named(meant)}", of_metric))
    return rows


def _named(meant: Quantity) -> str:
    """The gap of a measure, for an axis."""
    named = "Exposure bias" if meant.account == "one-step error" else "Free minus forced"
    return f"{named}\n{measure(meant.label, meant.unit)}"


def _panel(
    axes: Axes, rows: pd.DataFrame, methods: list[str], look: dict[str, Look], material: Material, floors: pd.DataFrame
) -> set[str]:
    """Draw a panel; return what the caption has to say of it."""
    told = set[str]()
    if rows.empty:
        return told
    meant = material.quantities.of(rows["metric"].iloc[0], rows["unit"].iloc[0])
    keys_ = [name for name in ("task_label", "model_label", "metric", "unit") if name in floors]
    here = (floors[keys_].astype("str") == rows[keys_].iloc[0].astype("str").to_numpy()).all(axis=1)
    floor = floors[here & (floors["step"] >= 1)].assign(gap=lambda table: table["floor"] - table["forced"])
    for number, method in enumerate(methods):
        band = gaps(rows[rows["method"] == method], meant)
        curve(axes, band, look[method], number, FREE, shade(len(methods)), zorder=3)
        of_world = gaps(floor[floor["method"] == method].assign(free=lambda table: table["floor"]), meant)
        if of_world["mean"].notna().any():
            thin: dict[str, Any] = {"linestyle": _WORLD, "linewidth": 0.7, "zorder": 1.5}
            axes.plot(of_world["step"], of_world["mean"], color=look[method].colour, **thin)
            told.add(_DRIFT)
    players = _players(material.players, str(rows["task_label"].iloc[0]), meant.name)
    players = players[players["step"] <= rows["step"].max()]
    if len(players):
        player_lines(axes, players, drawn_in([axes]), log=False)
        told.add(_PLAYERS)
    return told


def _players(players: pd.DataFrame, task: str, metric: str) -> pd.DataFrame:
    """The gap of each reference player that has both modes by lead time, a row a seed and step."""
    own = players[(players["task_label"] == task) & (players["metric"].astype("str") == metric) & (players["step"] >= 1)]
    by_mode = own.astype({"mode": "str"}).pivot_table(
        index=["player", "seed", "step"], columns="mode", values="value", sort=False, observed=True
    )
    levels = by_mode.reindex(columns=["free", "forced"])
    return (levels["free"] - levels["forced"]).dropna().rename("value").reset_index()


def gaps(rows: pd.DataFrame, meant: Quantity) -> pd.DataFrame:
    """The gap of one condition by step: step, mean, low, high, n."""
    if meant.ratio and bool((rows[["forced", "free"]] > 0).all(axis=None)):
        band = geometric_gaps(rows, ["step"]).rename(columns={"gap": "mean"})
    else:
        band = summarise(rows, ["step"], "gap", within=meant.change)
    return band[band["n"] >= min(FEWEST, band["n"].max())] if len(band) else band
