"""Critical-difference diagrams of methods and of models, ranked over tasks (Demsar 2006)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from freerun.analysis.figures._figure_data import LOST_MARK, Material
from freerun.analysis.figures._style import GREY, StudyFigure, figure, wrapped
from freerun.analysis.figures._venues import points
from freerun.analysis.inference.mean_ranks import METHODS, TASKS, Ranking, places, ranking, votes

PLACE = 9
CAPTION = (
    "Mean ranks over tasks by the headlines of each, running free, 1 being the best. Bars join what is not shown to differ: "
    "mean ranks closer than the critical difference (CD), whose length stands above."
)
_PLAYERS = (
    " Thin grey lines: where reference players, which need no training, would stand among them (0.5: better than all; 1.5: "
    "between the first and the second); of tasks with other players the best there is and the mean of the degenerate ones."
)
#: Rows of names of players above an axis; where they begin, and how far they are from each other; how wide a letter is.
_PLAYER_ROWS, _PLAYER_NAMES, _PLAYER_ROW, _PLAYER_LETTER = 3, 0.72, 0.3, 2.6
#: The width from which on two diagrams stand side by side, in inches.
_BESIDE = 5.0
_WORDS = {"method": "Methods", "model_label": "Models"}


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure: a diagram for the methods and one for the models, where three tasks rank two of them."""
    whole = material.levels()[1]
    tables = {of: votes(whole, material.headlines, material.runs, of, quantities=material.quantities) for of in _WORDS}
    rankings = {of: ranking(table) for of, table in tables.items() if len(table) >= TASKS and table.shape[1] >= METHODS}
    if not rankings:
        return {}
    named = {of: _named(result, material.lost().groupby(of, observed=True)["lost"].sum()) for of, result in rankings.items()}
    deepest = max(_depth(names) for names in named.values())
    across = 1 if len(rankings) == 1 or material.paper.between(material.paper.page) < _BESIDE else 2
    down = len(rankings) // across
    made = figure(material.paper.between(material.paper.column * 1.3 * across), (1.1 + 0.17 * deepest) * down)
    played = {
        of: places(material.players, whole, material.headlines, material.runs, of, quantities=material.quantities)
        for of in rankings
    }
    width = made.get_figwidth() / across
    above = {of: _names_above(own, _ends(len(rankings[of].ranks), len(own) > 0), width) for of, own in played.items()}
    room = _PLAYER_ROW * max(map(len, above.values()))
    made.set_figheight(made.get_figheight() + 0.17 * points(1.0) * room * down)
    for axes, (of, result) in zip(made.subplots(down, across, squeeze=False).flat, rankings.items(), strict=True):
        _diagram(axes, result, named[of], deepest, room)
        axes.set_xlim(_ends(len(result.ranks), len(played[of]) > 0))
        _place_players(axes, played[of], above[of])
        axes.set_title(f"{_WORDS[of]}, {result.tasks} tasks")
    made.data = pd.concat(
        [
            tables[of].rename_axis("task").reset_index().melt("task", var_name="name", value_name="rank").assign(ranked=word)
            for of, word in _WORDS.items()
            if of in rankings
        ],
        ignore_index=True,
    )
    made.caption = CAPTION + (_PLAYERS if room else "")
    return {"": made}


def _named(result: Ranking, lost: pd.Series) -> list[str]:
    """The names with their mean ranks and lost runs, best first, broken into lines."""
    counts = {str(name): f", {LOST_MARK}{count}" for name, count in lost.items() if count}
    return [wrapped(f"{name} ({rank:.2f}{counts.get(str(name), '')})", 24) for name, rank in result.ranks.items()]


def _rows(names: list[str]) -> list[float]:
    """How tall each name stands, in rows of one line."""
    return [0.25 + 0.75 * len(name.splitlines()) for name in names]


def _depth(names: list[str]) -> float:
    half = -(-len(names) // 2)
    return max(sum(_rows(names)[:half]), sum(_rows(names)[half:]))


def _names_above(own: pd.Series, ends: tuple[float, float], width: float) -> list[list[tuple[float, str]]]:
    """The names of players that have room, in rows upwards, each with its middle; one for those of one place.

    Args:
        own: what `places` gives.
        ends: of the axis.
        width: of the diagram, in inches.
    """
    letter = _PLAYER_LETTER / (72 * width) * (ends[1] - ends[0])
    rows: list[list[tuple[float, str]]] = []
    for place, names in own.groupby(own.round(3), sort=False):
        name = str(names.index[0]) + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        half = letter * (len(name) + 2) / 2
        middle = min(max(float(str(place)), ends[0] + half), ends[1] - half)
        for row in (*rows, []):
            if all(abs(middle - other) >= half + letter * (len(text) + 2) / 2 for other, text in row):
                row.append((middle, name))
                if row not in rows and len(rows) < _PLAYER_ROWS:
                    rows.append(row)
                break
    return rows


def _ends(k: int, played: bool) -> tuple[float, float]:
    """The ends of an axis of `k` ranks, with room for names beside it, and for places before the first and behind the last."""
    beside = max(0.9 * (k - 1) / 2, 0.55 if played else 0.0)
    return 1 - beside, k + beside


def _place_players(axes: Axes, own: pd.Series, rows: list[list[tuple[float, str]]]) -> None:
    """A thin line at the place of each player, and the names above."""
    for x in own.round(3).unique():
        axes.plot([x, x], [-0.12, 0.62], color=GREY, linewidth=0.4, alpha=0.6, zorder=0)
    for number, row in enumerate(rows):
        y = _PLAYER_NAMES + _PLAYER_ROW * number
        for x, name in row:
            axes.text(x, y, name, fontsize=points(4.5), color=GREY, ha="center", va="bottom", zorder=1)


def _diagram(axes: Axes, result: Ranking, names: list[str], deepest: float, room: float) -> None:
    """The axis of ranks on top, with `room` for players above it, names on either side below it, bars between."""
    k, bars = len(result.ranks), len(result.cliques)
    half = -(-k // 2)
    axes.set_ylim(-(deepest + 0.5 * bars) - 0.6, 1.4 + room)
    axes.set_axis_off()
    axes.plot([1, k], [0, 0], color="black", linewidth=0.8)
    for rank in range(1, k + 1):
        axes.plot([rank, rank], [0, 0.15], color="black", linewidth=0.8)
        axes.text(rank, 0.22, str(rank), ha="center", va="bottom", fontsize=points(6.5))
    width = min(result.critical_difference, float(k - 1))
    remark = "" if width == result.critical_difference else ", beyond the axis"
    axes.plot([1, 1 + width], [1.05 + room] * 2, color=GREY, linewidth=1.2)
    axes.text(1, 1.12 + room, f"CD {result.critical_difference:.2f}{remark}", fontsize=points(6.5), color=GREY, va="bottom")
    rows = _rows(names)
    for number, (name, rank) in enumerate(zip(names, result.ranks, strict=True)):
        left = number < half
        above = rows[:number] if left else rows[number + 1 :]
        y = -(0.5 * bars + 0.1 + sum(above) + rows[number] / 2)
        edge, away, side = (1, -0.05, "right") if left else (k, 0.05, "left")
        axes.plot([rank, rank, edge], [0, y, y], color="black", linewidth=0.6)
        axes.text(edge + away, y, name, fontsize=points(6.5), va="center", ha=side)
    for number, clique in enumerate(result.cliques):
        ends = [float(result.ranks[name]) for name in (clique[0], clique[-1])]
        axes.plot([ends[0] - 0.03, ends[1] + 0.03], [-0.35 - 0.5 * number] * 2, color="black", linewidth=2.4)
