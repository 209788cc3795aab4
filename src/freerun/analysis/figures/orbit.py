"""Figure of a generated orbit beside the true one."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from freerun.analysis.figures._figure_data import LOST_MARK, Material, Sample
from freerun.analysis.figures._style import GREY, Look, figure, looks, wrapped

PLACE = 5
CAPTION = (
    "True orbit (grey) and orbit generated in closed loop (coloured) of one test window, one column for each "
    "regime: above, x against time since the release (dotted line); below, the projection on x and z from the "
    "release on, the dot being its start. In the system's own units; the smallest seed of the study."
)
_ACROSS = 4


def draw(material: Material) -> dict[str, Figure]:
    """One figure for each task and model that shows orbits."""
    look = looks(material.methods())
    figures = {}
    groups = groupby(material.samples.get("orbit", []), key=lambda sample: (sample.task, sample.model))
    many_tasks = len({sample.task for sample in material.samples.get("orbit", [])}) > 1
    for (task, model), samples in groups:
        made = _page(list(samples), look)
        gone = material.lost()
        gone = gone[(gone["task_label"] == task) & (gone["model_label"] == model)]
        lost = "; ".join(f"{LOST_MARK} {row['lost']} of {row['ended']} of {row['method']}" for row in gone.to_dict("records"))
        title = f"{task}, {model}: true (grey) and generated (coloured)" + (f"; {lost}" if lost else "")
        made.suptitle(wrapped(title, int(made.get_figwidth() * 15)), fontsize=8)
        figures["_".join(_slug(name) for name in ([task, model] if many_tasks else [model]))] = made
    return figures


def _page(samples: list[Sample], look: dict[str, Look]) -> Figure:
    down = -(-len(samples) // _ACROSS)
    across = -(-len(samples) // down)
    width = max(3.4, min(7.0, 2.2 * across + 0.4))
    made = figure(width, 3.3 * down)
    made.set_layout_engine("constrained", h_pad=0.07)
    panels = made.subplots(2 * down, across, squeeze=False, sharex="row", sharey="row", height_ratios=[2, 3] * down)
    for number, sample in enumerate(samples):
        above, below = panels[2 * (number // across), number % across], panels[2 * (number // across) + 1, number % across]
        _column(above, below, sample, look[sample.method].colour)
        above.set_title(wrapped(sample.method, int(width / across * 13)), color=look[sample.method].colour)
    for axes in panels.flat[:]:
        axes.set_axis_on() if axes.has_data() else axes.set_axis_off()
    for above, below in zip(panels[::2, 0], panels[1::2, 0], strict=True):
        above.set_ylabel("x")
        below.set_ylabel("z")
    made.align_ylabels(panels[:, 0])
    return made


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name.lower()).strip("_")


def _column(above: Axes, below: Axes, sample: Sample, colour: str) -> None:
    content = sample.content
    true, made = (np.array(content[name], dtype=float) for name in ("true", "generated"))
    warmup, time = content["warmup"], (np.arange(len(true)) + 1 - content["warmup"]) * content["dt"]
    limit = 1.6 * np.abs(true).max()  # a generated orbit that leaves the picture leaves it
    made = np.where(np.abs(made) > limit, np.nan, made)
    above.plot(time, true[:, 0], color=GREY, linewidth=1.6)
    above.plot(time[warmup:], made[warmup:, 0], color=colour, linewidth=0.9)
    above.axvline(0, color="black", linestyle=":", linewidth=0.7)
    above.set_xlabel("Time (time units)")
    if true.shape[1] > 2:
        below.plot(true[warmup:, 0], true[warmup:, 2], color=GREY, linewidth=1.2)
        below.plot(made[warmup:, 0], made[warmup:, 2], color=colour, linewidth=0.8)
        below.plot(true[warmup, 0], true[warmup, 2], color="black", marker="o", markersize=3)
        below.set_xlabel("x")
    else:
        below.set_axis_off()
