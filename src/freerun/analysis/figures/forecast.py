"""Figure of forecasts beside the truth: several origins of one test stretch, in the units and the dates of the file.

Two reference players stand in it: what came, which is grey, and persistence, where it was measured, the last value before each
origin. The seasonal and the linear baseline and climatology are made of the training part, which neither a sample nor a table
holds; tables and the other figures have their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from freerun.analysis.figures._figure_data import Material, Sample
from freerun.analysis.figures._legend import keys, legend
from freerun.analysis.figures._looks import Look, looks
from freerun.analysis.figures._players import PERSISTENCE, PERSISTENCE_CAPTION, plays
from freerun.analysis.figures._style import GREY, PAGE, StudyFigure, figure, wrapped
from freerun.analysis.figures._venues import Paper

PLACE = 4
CAPTION = (
    "True values (grey) and forecasts (coloured) from several origins of the test part, each where a line is dotted; before it "
    "the model reads the truth, behind it what it has said itself. In the units of the data; the smallest seed of the study."
)
#: The columns of a frame of forecasts: a row for each time of each origin; `forecast` is empty before the origin.
COLUMNS = ("task", "model", "method", "seed", "series", "column", "time", "origin", "at", "true", "forecast")


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure for each task and model that shows forecasts."""
    frame, look = of_samples(material.samples.get("forecast", [])), material.looks
    figures = {}
    for (task, model), rows in frame.groupby(["task", "model"], sort=False):
        name = "_".join(_slug(str(word)) for word in ([task, model] if frame["task"].nunique() > 1 else [model]))
        stays = plays(material.players, str(task), PERSISTENCE)
        figures[name] = forecast(rows, look, material.paper, stays)
        figures[name].caption = f"{CAPTION} {PERSISTENCE_CAPTION.replace('the release', 'each origin')}" if stays else CAPTION
    return figures


def of_samples(samples: Iterable[Sample]) -> pd.DataFrame:
    """Return the frame of forecasts, `COLUMNS`, that runs show."""
    rows = []
    for sample in samples:
        content = sample.content
        for origin in content["origins"]:
            empty = [[None] * len(content["names"])] * content["warmup"]
            for at, true, made in zip(origin["at"], origin["true"], [*empty, *origin["forecast"]], strict=True):
                for number, name in enumerate(content["names"]):
                    begins = origin["at"][content["warmup"]]
                    named = (sample.task, sample.model, sample.method, sample.seed, content["series"], name, content["time"])
                    rows.append((*named, begins, at, true[number], made[number]))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    if len(frame) and frame["at"].map(lambda at: isinstance(at, str)).all():
        frame = frame.assign(**{name: pd.to_datetime(frame[name]) for name in ("origin", "at")})
    return frame.astype({"true": float, "forecast": float})


def forecast(
    frame: pd.DataFrame, look: dict[str, Look] | None = None, paper: Paper | None = None, stays: bool = False
) -> StudyFigure:
    """Return the figure of the forecasts of one task and model: a panel for each column, a colour for each method.

    Args:
        frame: with `COLUMNS`.
        look: of the methods; None for the usual one.
        paper: that it is drawn for; None for a page.
        stays: whether the last value before each origin goes on behind it as a thin line.
    """
    methods, columns = list(frame["method"].unique()), list(frame["column"].unique())
    look = looks(methods) if look is None else look
    width = (paper or Paper()).between(PAGE)
    made = figure(width, 0.7 + 1.45 * len(columns))
    made.data = frame.reset_index(drop=True)
    panels = made.subplots(len(columns), 1, squeeze=False, sharex=True)[:, 0]
    for axes, column in zip(panels, columns, strict=True):
        _panel(axes, frame[frame["column"] == column], methods, look, stays)
        axes.set_ylabel(wrapped(str(column), 24))
    series = [name for name in frame["series"].unique() if name]
    panels[-1].set_xlabel(str(frame["time"].iloc[0]))
    if pd.api.types.is_datetime64_any_dtype(frame["at"]):
        locator = AutoDateLocator(maxticks=9)  # type: ignore[no-untyped-call]
        panels[-1].xaxis.set_major_locator(locator)
        panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    title = f"{frame['task'].iloc[0]}, {frame['model'].iloc[0]}" + (f", {series[0]}" if series else "")
    panels[0].set_title(wrapped(f"{title}: true (grey) and forecast (coloured)", int(width * 14)))
    legend(made, keys(methods, look))
    return made


def _panel(axes: Axes, rows: pd.DataFrame, methods: list[str], look: dict[str, Look], stays: bool) -> None:
    """Draw the truth where it is known, without a line over what lies between, and every forecast from its origin."""
    span = rows["true"].max() - rows["true"].min()
    low, high = rows["true"].min() - 0.4 * span, rows["true"].max() + 0.4 * span
    for _, of_origin in rows[rows["method"] == methods[0]].groupby("origin"):
        axes.plot(of_origin["at"], of_origin["true"], color=GREY, linewidth=1.5)
        behind = (of_origin["at"] == of_origin["origin"]).cummax()
        if stays and not behind.all():
            last = [of_origin.loc[~behind, "true"].iloc[-1]] * 2
            axes.plot(of_origin.loc[behind, "at"].iloc[[0, -1]], last, color=GREY, linewidth=0.4, alpha=0.6, zorder=1)
    for origin in rows["origin"].unique():
        axes.axvline(origin, color="black", linestyle=":", linewidth=0.6)
    for method in methods:
        for _, of_origin in rows[rows["method"] == method].groupby("origin"):
            within = of_origin["forecast"].between(low, high)  # what leaves the picture leaves it
            axes.plot(
                of_origin["at"], np.where(within, of_origin["forecast"], np.nan), color=look[method].colour, linewidth=0.9
            )


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name.lower()).strip("_")
