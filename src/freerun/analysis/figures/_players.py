"""Reference players in a figure: thin grey lines behind the methods, with a small label where there is room for one.

Every figure shows all players that have a number of what it shows; those outside its frame are cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._style import GREY, thinned
from freerun.analysis.figures._venues import points
from freerun.analysis.inference.confidence_intervals import of_positive
from freerun.errors import given

Mode = Literal["forced", "free", "compared"]
PLAYERS_CAPTION = (
    "Thin grey lines: reference players, free, which need no training (means over seeds); those outside the frame are cut off."
)
#: The player of which a sample of a model's rollout holds all that it says: the last value that was fed.
PERSISTENCE = "persistence"
#: Of samples of models, what a caption says of it.
PERSISTENCE_CAPTION = "Thin grey line: persistence, a reference player, which stays at the last value before the release."
#: Two labels are at least so far apart, as a share of the height.
_APART = 0.075
#: A panel reaches so far beyond the values that frame it, as a share of its height.
_MARGIN = 0.05
_Side = Literal["right", "center", "left"]
#: Where a label may stand along a line across a panel, as a share of its width, and the width of a letter in points.
_PLACES: tuple[tuple[float, _Side], ...] = ((0.99, "right"), (0.5, "center"), (0.01, "left"))
_LETTER = 2.6
#: Its words, its place, and on which side of its line it hangs.
_Label = tuple[str, float, float, Literal["top", "bottom"]]


def playing(players: pd.DataFrame, task: str, metric: str, mode: Mode = "free") -> pd.DataFrame:
    """The rows of the players of a task by one measure: running free, which a comparison is of too, or forced."""
    own = (players["task_label"] == task) & (players["metric"].astype("str") == metric)
    return players[own & ((players["mode"] == "forced") == (mode == "forced"))]


def player_lines(axes: Axes, players: pd.DataFrame, seen: np.ndarray, log: bool) -> bool:
    """A line over the leads for each player, with its label at the last one; return whether there is one in the frame.

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
    return bool(ends)


def plays(players: pd.DataFrame, task: str, player: str) -> bool:
    """Whether a player was measured on a task, in one way or in several."""
    names = players.loc[players["task_label"] == task, "player"].astype("str")
    return bool(names.map(lambda name: name == player or name.startswith(f"{player} (")).any())


def free_lines(axes: Axes, players: pd.DataFrame, rows: pd.DataFrame, levels: Sequence[str]) -> bool:
    """A line for the free error of each player in a panel of one error on a ratio scale; return whether there is one.

    Args:
        axes: the panel, over the steps since the release.
        players: all of the study.
        rows: of the panel, one task, metric and unit.
        levels: the columns that frame it.
    """
    if rows.empty:
        return False
    task, metric, unit = (str(rows[name].iloc[0]) for name in ("task_label", "metric", "unit"))
    own = playing(players, task, metric)
    own = own[(own["unit"].astype("str") == unit) & (own["step"] <= rows["step"].max())]
    return player_lines(axes, own, rows[list(levels)].to_numpy(dtype=float), log=True)


def player_ticks(axes: Axes, players: pd.DataFrame, log: bool) -> None:
    """A line across a panel for each player inside its frame, with its label at the right."""
    levels = _levels(players, log)
    _across(axes, levels)
    for name, y, _, side in _with_room(levels, np.array(axes.get_ylim()), axes.get_yscale() == "log"):
        _label(axes, name, (0.99, y), ("right", side))


def player_ticks_in_row(panels: Sequence[Axes], players: pd.DataFrame, log: bool) -> bool:
    """The same across panels with curves that share a scale; return whether there is a line.

    Labels stand in one of the panels, and there along their lines, where the fewest curves run through them.
    """
    levels = _levels(players, log)
    drawn = [_across(axes, levels) for axes in panels]
    labels = list(_with_room(levels, np.array(panels[0].get_ylim()), panels[0].get_yscale() == "log"))
    places = [[_clearest(axes, name, y, side) for name, y, _, side in labels] for axes in panels]
    crossed = [sum(curves for curves, _ in own) for own in places]
    chosen = crossed.index(min(crossed))
    for (name, y, _, side), (_, (x, aligned)) in zip(labels, places[chosen], strict=True):
        _label(panels[chosen], name, (x, y), (aligned, side))
    return any(drawn)


def _levels(players: pd.DataFrame, log: bool) -> list[tuple[str, float, float]]:
    """The mean of each player over a whole rollout, and the place of its label."""
    means = of_positive(players[players["step"] == 0], ["player"], "value", log)
    return [(str(name), float(mean), 1.0) for name, mean in means[["player", "mean"]].itertuples(index=False, name=None)]


def _across(axes: Axes, levels: Iterable[tuple[str, float, float]]) -> bool:
    """Draw lines across a panel, as one path, at those levels that lie in its frame; return whether there are any."""
    frame = axes.get_ylim()
    inside = [y for _, y, _ in levels if frame[0] < y < frame[1]]
    if inside:
        x, y = np.tile([0, 1, np.nan], len(inside)), np.repeat(inside, 3)
        axes.plot(x, y, color=GREY, linewidth=0.4, alpha=0.6, zorder=0, transform=axes.get_yaxis_transform())
        axes.set_ylim(frame)
    return bool(inside)


def _label(axes: Axes, name: str, at: tuple[float, float], aligned: tuple[_Side, Literal["top", "bottom"]]) -> None:
    """The name of a player at a share of the width and a height."""
    looks: dict[str, Any] = {"fontsize": points(4.5), "color": GREY, "ha": aligned[0], "va": aligned[1], "clip_on": True}
    axes.text(*at, name, transform=axes.get_yaxis_transform(), zorder=1, **looks)


def _clearest(axes: Axes, name: str, y: float, side: str) -> tuple[int, tuple[float, _Side]]:
    """How few curves run through a label, and the share of the width where they do; at the right where that is no worse."""
    part = axes.get_position().width * given(axes.get_figure(root=True)).get_figwidth() * 72
    width, to_share = _LETTER * points(1.0) * len(name) / part, axes.transData + axes.transAxes.inverted()
    curves = [to_share.transform(np.asarray(line.get_xydata(), dtype=float)) for line in axes.lines if line.get_zorder() >= 2]
    height = float(to_share.transform((axes.get_xlim()[0], y))[1])
    ends = (height - _APART, height) if side == "top" else (height, height + _APART)

    def crossed(at: tuple[float, _Side]) -> int:
        begins = at[0] - {"right": 1, "center": 0.5, "left": 0}[at[1]] * width
        along = np.linspace(begins, begins + width, 9)
        heights = [np.interp(along, curve[:, 0], curve[:, 1], np.nan, np.nan) for curve in curves if len(curve) > 1]
        return sum(bool(((of_curve >= ends[0]) & (of_curve <= ends[1])).any()) for of_curve in heights)

    return min(((crossed(at), at) for at in _PLACES), key=lambda found: found[0])


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
        hangs = height > 1 - _APART
        foot = height - _APART if hangs else height
        if 0 <= height <= 1 and all(abs(foot - other) >= _APART for other in taken):
            taken.append(foot)
            yield name, y, x, "top" if hangs else "bottom"


def _ends(seen: np.ndarray, log: bool) -> tuple[float, float] | None:
    """The least and the largest of the values that frame a panel, on its scale; None where there are none."""
    values = seen[np.isfinite(seen) & ((seen > 0) | (not log))]
    return (_on_scale(values.min(), log), _on_scale(values.max(), log)) if len(values) else None


def _on_scale(value: float, log: bool) -> float:
    return float(np.log(value)) if log else float(value)
