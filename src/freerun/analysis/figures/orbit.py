"""Figure of a generated orbit beside the true one.

Two reference players stand in it: the truth, which is grey, and persistence, where it was measured, which stays at the last
value before the release. The orbits of others need the world or the training part, which neither a sample nor a table holds.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._figure_data import LOST_MARK, Material, Sample
from freerun.analysis.figures._looks import Look
from freerun.analysis.figures._players import PERSISTENCE, PERSISTENCE_CAPTION, plays
from freerun.analysis.figures._style import GREY, StudyFigure, figure, wrapped
from freerun.analysis.figures._venues import Paper, points

PLACE = 5
#: It shows what runs keep beside their numbers.
SAMPLES = True
CAPTION = (
    "True orbit (grey) and orbit generated in closed loop (coloured) of one test window, one column for each "
    "regime: above, x against time since the release (dotted line); below, the projection on x and z from the "
    "release on, the dot being its start. In the system's own units; the smallest seed of the study."
)
_OF_A_SERIES = (
    "True values (grey) and values generated in closed loop (coloured) of one test window, one column for each regime: {first} "
    "against time since the release (dotted line){pair}. In the units of the data; the smallest seed of the study."
)
#: Panels side by side, and most letters of a name beside one.
_ACROSS, _NAME = 4, 24


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure for each task and model that shows orbits."""
    look = material.looks
    figures = {}
    groups = groupby(material.samples.get("orbit", []), key=lambda sample: (sample.task, sample.model))
    many_tasks = len({sample.task for sample in material.samples.get("orbit", [])}) > 1
    for (task, model), samples in groups:
        shown = list(samples)
        stays = plays(material.players, task, PERSISTENCE) and shown[0].content["warmup"] > 0
        made = _page(shown, look, material.paper, stays)
        made.caption = f"{made.caption or CAPTION} {PERSISTENCE_CAPTION}" if stays else made.caption
        made.data = pd.concat([_values(sample) for sample in shown], ignore_index=True)
        gone = material.lost()
        gone = gone[(gone["task_label"] == task) & (gone["model_label"] == model)]
        lost = "; ".join(f"{LOST_MARK} {row['lost']} of {row['ended']} of {row['method']}" for row in gone.to_dict("records"))
        title = f"{task}, {model}: true (grey) and generated (coloured)" + (f"; {lost}" if lost else "")
        made.suptitle(wrapped(title, int(made.get_figwidth() * 15)), fontsize=points(8))
        figures["_".join(_slug(name) for name in ([task, model] if many_tasks else [model]))] = made
    return figures


def _page(samples: list[Sample], look: dict[str, Look], paper: Paper, stays: bool) -> StudyFigure:
    names, pair = _coordinates(samples[0])
    if pair is None:
        return _of_one(samples, look, names[0], paper, stays)
    down = -(-len(samples) // paper.across(_ACROSS))
    across = -(-len(samples) // down)
    width = paper.between(2.2 * across + 0.4)
    made = figure(width, 3.3 * down)
    made.set_layout_engine("constrained", h_pad=0.07)
    panels = made.subplots(2 * down, across, squeeze=False, sharex="row", sharey="row", height_ratios=[2, 3] * down)
    for number, sample in enumerate(samples):
        above, below = panels[2 * (number // across), number % across], panels[2 * (number // across) + 1, number % across]
        _above(above, sample, look[sample.method].colour, stays)
        _below(below, sample, look[sample.method].colour, pair, names)
        above.set_title(wrapped(sample.method, int(width / across * 13)), color=look[sample.method].colour)
    for axes in panels.flat[:]:
        axes.set_axis_on() if axes.has_data() else axes.set_axis_off()
    for above, below in zip(panels[::2, 0], panels[1::2, 0], strict=True):
        above.set_ylabel(_short(names[0]))
        below.set_ylabel(_short(names[pair[1]]))
    made.align_ylabels(panels[:, 0])
    _caption(made, samples[0], names[0], f"; below, {names[pair[1]]} against {names[pair[0]]} from the release on")
    return made


def _of_one(samples: list[Sample], look: dict[str, Look], name: str, paper: Paper, stays: bool) -> StudyFigure:
    """One coordinate alone: panels against time."""
    down = -(-len(samples) // paper.across(_ACROSS))
    across = -(-len(samples) // down)
    width = paper.between(2.2 * across + 0.4)
    made = figure(width, 1.7 * down + 0.2)
    made.set_layout_engine("constrained", h_pad=0.07)
    panels = made.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for number, sample in enumerate(samples):
        axes = panels[number // across, number % across]
        _above(axes, sample, look[sample.method].colour, stays)
        axes.set_title(wrapped(sample.method, int(width / across * 13)), color=look[sample.method].colour)
    for axes in panels.flat[len(samples) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel(_short(name))
    _caption(made, samples[0], name, "")
    return made


def _coordinates(sample: Sample) -> tuple[list[str], tuple[int, int] | None]:
    """The names of the coordinates, and the two that an orbit is projected on; None where there is one alone."""
    count = len(sample.content["true"][0])
    given = [str(name) for name in sample.content.get("names", ())]
    names = given if len(given) == count else [*"xyz", *(f"x{number}" for number in range(4, count + 1))][:count]
    return names, None if count == 1 else (0, min(2, count - 1))


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 3]}..."


def _caption(made: StudyFigure, sample: Sample, first: str, pair: str) -> None:
    """Give a figure a caption of its own where the usual one is not true."""
    if "names" in sample.content or len(sample.content["true"][0]) < 3:
        made.caption = _OF_A_SERIES.format(first=first, pair=pair)


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name.lower()).strip("_")


def _above(above: Axes, sample: Sample, colour: str, stays: bool) -> None:
    content = sample.content
    true, made = _orbits(sample)
    warmup, time = content["warmup"], (np.arange(len(true)) + 1 - content["warmup"]) * content["dt"]
    above.plot(time, true[:, 0], color=GREY, linewidth=1.6)
    above.plot(time[warmup:], made[warmup:, 0], color=colour, linewidth=0.9)
    if stays:
        above.plot(time[[warmup, -1]], [true[warmup - 1, 0]] * 2, color=GREY, linewidth=0.4, alpha=0.6, zorder=1)
    above.axvline(0, color="black", linestyle=":", linewidth=0.7)
    above.set_xlabel("Time (steps)" if "names" in content and content["dt"] == 1 else "Time (time units)")


def _below(below: Axes, sample: Sample, colour: str, pair: tuple[int, int], names: list[str]) -> None:
    true, made = _orbits(sample)
    (x, y), warmup = pair, sample.content["warmup"]
    below.plot(true[warmup:, x], true[warmup:, y], color=GREY, linewidth=1.2)
    below.plot(made[warmup:, x], made[warmup:, y], color=colour, linewidth=0.8)
    below.plot(true[warmup, x], true[warmup, y], color="black", marker="o", markersize=3)
    below.set_xlabel(_short(names[x]))


def _values(sample: Sample) -> pd.DataFrame:
    """The true and the generated values by time since the release, a row a step."""
    content, (names, _) = sample.content, _coordinates(sample)
    time = (np.arange(len(content["true"])) + 1 - content["warmup"]) * content["dt"]
    said = {"task": sample.task, "model": sample.model, "method": sample.method, "seed": sample.seed, "time": time}
    columns = {f"{of} {name}": np.array(content[of])[:, at] for of in ("true", "generated") for at, name in enumerate(names)}
    return pd.DataFrame({**said, **columns})


def _orbits(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The true and the generated orbit; what leaves the picture leaves it."""
    true, made = (np.array(sample.content[name], dtype=float) for name in ("true", "generated"))
    limit = 1.6 * np.abs(true).max()
    return true, np.where(np.abs(made) > limit, np.nan, made)
