"""What does a generated orbit look like beside the true one?"""

from __future__ import annotations

from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from freerun.figures._material import Material, Sample
from freerun.figures._style import GREY, figure, looks, wrapped

PLACE = 5
CAPTION = (
    "True orbit (grey) and orbit generated in closed loop (coloured) of one test window, one column for each "
    "regime: above, x against time, the dotted line being the release; below, the projection on x and z from the "
    "release on, the dot being its start. In the system's own units; the smallest seed of the study."
)
_ACROSS = 5


def draw(material: Material) -> dict[str, Figure]:
    """One figure for each task and model that shows orbits."""
    look = looks(material.methods())
    found = {}
    groups = groupby(material.samples.get("orbit", []), key=lambda sample: (sample.task, sample.model))
    several = len({sample.task for sample in material.samples.get("orbit", [])}) > 1
    for (task, model), samples in groups:
        columns = list(samples)[:_ACROSS]
        made = figure(max(3.4, min(7.0, 2.2 * len(columns) + 0.4)), 3.3)
        panels = made.subplots(2, len(columns), squeeze=False, sharex="row", sharey="row", height_ratios=[2, 3])
        for above, below, sample in zip(*panels, columns, strict=True):
            _column(above, below, sample, look[sample.method].colour)
            above.set_title(wrapped(sample.method, 30), color=look[sample.method].colour)
        panels[0, 0].set_ylabel("x")
        panels[1, 0].set_ylabel("z")
        made.align_ylabels(panels[:, 0])
        made.set_layout_engine("constrained", h_pad=0.07)
        made.suptitle(f"{task}, {model}: true (grey) and generated (coloured)", fontsize=8)
        found["_".join(_slug(name) for name in ([task, model] if several else [model]))] = made
    return found


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
    above.set_xlabel("Time since the release (time units)")
    if true.shape[1] > 2:
        below.plot(true[warmup:, 0], true[warmup:, 2], color=GREY, linewidth=1.2)
        below.plot(made[warmup:, 0], made[warmup:, 2], color=colour, linewidth=0.8)
        below.plot(true[warmup, 0], true[warmup, 2], color="black", marker="o", markersize=3)
        below.set_xlabel("x")
    else:
        below.set_axis_off()
