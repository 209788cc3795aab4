"""Reference players in a figure: thin grey lines behind the methods, with a small label where there is room for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._style import GREY, thinned
from freerun.analysis.figures._venues import points
from freerun.analysis.inference.confidence_intervals import of_positive

PLAYERS_CAPTION = (
    "Thin grey lines: reference players, free, which need no training (means over seeds); those outside the frame are cut off."
)
#: Two labels are at least so far apart, as a share of the height.
_APART = 0.075
#: A panel reaches so far beyond the values that frame it, as a share of its height.
_MARGIN = 0.05
#: Its words, its place, and on which side of its line it hangs.
_Label = tuple[str, float, float, Literal["top", "bottom"]]


def playing(players: pd.DataFrame, task: str, metric: str) -> pd.DataFrame:
    """The rows of the players of a task by one measure, running free."""
    own = (players["task_label"] == task) & (players["metric"].astype("str") == metric) & (players["mode"] != "forced")
    return players[own]


def player_lines(axes: Axes, players: pd.DataFrame, seen: np.ndarray, log: bool) -> None:
    """A line over the leads for each player, with its label at the last one.

    Args:
        axes: the panel, over the steps since the release.
        players: what `playing` gives.
        seen: the values that frame the panel; what lies outside of them is left out, and its label too.
        log: means over seeds are geometric.
    """
    ends = []
    means = of_positive(players[players["step"] >= 1], ["player", "step"], "value", log)
    for name, rows in means.groupby("player", sort=False, observed=True):
        curve = rows.set_index("step")["mean"].sort_index().dropna()
        curve = curve.where(_framed(curve, seen, log))
        if curve.notna().any():
            shown = curve.iloc[thinned(curve.to_numpy())]
            axes.plot(shown.index, shown.to_numpy(), color=GREY, linewidth=0.4, alpha=0.6, zorder=1)
            ends.append((str(name), float(curve.iloc[-1]), float(curve.index[-1])))
    for name, y, x, side in _with_room(ends, seen, log):
        axes.text(x, y, name, fontsize=points(4.5), color=GREY, ha="right", va=side, clip_on=True, zorder=2)


def player_ticks(axes: Axes, players: pd.DataFrame, log: bool) -> None:
    """A line across a panel for each player inside its frame, with its label at the right."""
    frame = axes.get_ylim()
    means = of_positive(players[players["step"] == 0], ["player"], "value", log)
    levels = [(str(name), float(mean), 1.0) for name, mean in means[["player", "mean"]].itertuples(index=False, name=None)]
    place = axes.get_yaxis_transform()
    for _, y, _ in levels:
        if frame[0] < y < frame[1]:
            axes.axhline(y, color=GREY, linewidth=0.4, alpha=0.6, zorder=0)
    for name, y, _, side in _with_room(levels, np.array(frame), axes.get_yscale() == "log"):
        axes.text(0.99, y, name, fontsize=points(4.5), color=GREY, ha="right", va=side, transform=place, clip_on=True, zorder=1)
    axes.set_ylim(frame)


def _framed(curve: pd.Series, seen: np.ndarray, log: bool) -> np.ndarray:
    """Which points lie in the frame; a line to one outside would cross the panel as if it were upright."""
    ends = _ends(seen, log)
    if ends is None:
        return np.zeros(len(curve), dtype=bool)
    margin = _MARGIN * (ends[1] - ends[0])
    heights = np.array([_on_scale(value, log) if value > 0 or not log else -np.inf for value in curve])
    return (heights >= ends[0] - margin) & (heights <= ends[1] + margin)


def _with_room(ends: list[tuple[str, float, float]], seen: np.ndarray, log: bool) -> Iterator[_Label]:
    """Those labels that lie inside the frame and far enough from each other, from the first player on."""
    scale = _ends(seen, log)
    if scale is None:
        return
    low, high = scale
    taken: list[float] = []
    for name, y, x in ends:
        if not np.isfinite(y) or (log and y <= 0) or high <= low:
            continue
        height = (_on_scale(y, log) - low) / (high - low)
        if 0 <= height <= 1 and all(abs(height - other) >= _APART for other in taken):
            taken.append(height)
            yield name, y, x, "top" if height > 1 - _APART else "bottom"


def _ends(seen: np.ndarray, log: bool) -> tuple[float, float] | None:
    """The least and the largest of the values that frame a panel, on its scale; None where there are none."""
    values = seen[np.isfinite(seen) & ((seen > 0) | (not log))]
    return (_on_scale(values.min(), log), _on_scale(values.max(), log)) if len(values) else None


def _on_scale(value: float, log: bool) -> float:
    return float(np.log(value)) if log else float(value)
