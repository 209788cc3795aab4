"""Figure of the benchmark: time per replica and update against the number of replicas, with floor and peak."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image

#: How each contender is drawn; floor and peak are lines without points.
LOOKS = {
    "compiled": {"color": "#0072b2", "marker": "o", "linewidth": 2.0}, "reference": {"color": "#56b4e9", "marker": "s"},
    "plain loop": {"color": "#d55e00", "marker": "^"}, "JAX": {"color": "#009e73", "marker": "D"},
    "vmap": {"color": "#cc79a7", "marker": "v"},
    "products": {"color": "#555555", "linestyle": "--"}, "peak": {"color": "#555555", "linestyle": ":"},
}  # fmt: skip
WORDS = {
    "products": "batched products alone", "peak": "at the speed of one large product", "compiled": "compiled engine",
    "reference": "loop in PyTorch", "vmap": "plain loop, vmap",
}  # fmt: skip


def draw(points: Sequence[tuple[int, Mapping[str, float]]], path: Path) -> None:
    """Write the figure.

    Args:
        points: the number of replicas and the milliseconds of each contender.
    """
    points = sorted(points, key=lambda point: point[0])
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for name, look in LOOKS.items():
        seen = [(count, milliseconds[name]) for count, milliseconds in points if name in milliseconds]
        if seen:
            axes.plot(*zip(*seen, strict=True), label=WORDS.get(name, name), **look)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    counts = [count for count, _ in points]
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("replicas R")
    axes.set_ylabel("ms per replica and update")
    axes.set_title("GRU in closed loop, B=32, T=100, H=32, one thread", fontsize=9)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    Image.open(buffer).convert("RGB").quantize(32).save(path, format="png", optimize=True)
