"""Figure of the expected best against the number of trials, of a study whose methods were tuned.

Reference players stand in a row of panels at their value of the target, where its methods have one target and players have it.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from freerun.analysis.figures._axis_scale import decades
from freerun.analysis.figures._figure_data import Material
from freerun.analysis.figures._legend import keys, legend
from freerun.analysis.figures._players import Mode, player_ticks_in_row, playing
from freerun.analysis.figures._style import StudyFigure, figure, row_label, titled
from freerun.analysis.figures._venues import points
from freerun.analysis.inference import tuning_tables

PLACE = 10
_PLAYERS = (
    " Thin grey lines: reference players, which need no training, by the same measure on test sequences (means over seeds); "
    "those outside the frame are cut off."
)
CAPTION = (
    "What a method comes to by the number of trials of its tuning, in the target on its tuning seeds: the expected best of "
    "so many (Dodge et al. 2019, equation 7, with replacement). Where Optuna chose the points or trials were pruned it is the "
    "best so far. A trial without a value counts as the worst that has one."
)


def draw(material: Material) -> dict[str, StudyFigure]:
    """One figure: rows are tasks, columns are models, a line a method."""
    if material.tuned is None:
        return {}
    frames = tuning_tables.frames(material.tables)
    if not frames or frames["expected_best"]["trials"].max() < 2:
        return {}
    words = {name: dict(material.labels) for name in ("task", "model", "method")}
    table, tuned = (frames[name].replace(words) for name in ("expected_best", "tuned"))
    tasks, look = list(dict.fromkeys(table["task"])), material.looks
    columns = [list(dict.fromkeys(table.loc[table["task"] == task, "model"])) for task in tasks]
    across = max(map(len, columns))
    made = figure(material.paper.width_for(across), 0.7 + 1.65 * len(tasks))
    panels = made.subplots(len(tasks), across, squeeze=False, sharey="row", sharex=True)
    before, played = list[str](), False
    for row, task in enumerate(tasks):
        for number, axes in enumerate(panels[row]):
            if number >= len(columns[row]):
                axes.set_axis_off()
                continue
            of = table[(table["task"] == task) & (table["model"] == columns[row][number])]
            for method, line in of.groupby("method", sort=False):
                seen = look[str(method)]
                axes.plot(line["trials"], line["value"], color=seen.colour, marker=seen.marker, markersize=2.6)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            titled(axes, columns[row][number], before[number] if number < len(before) else None)
        decades(panels[row][0], table.loc[table["task"] == task, "value"].to_numpy(dtype=np.float64))
        targets = tuned.loc[tuned["task"] == task, ["metric", "mode", "split"]].drop_duplicates().astype(str)
        if len(targets) == 1:
            played |= _players(panels[row][: len(columns[row])], material, task, targets.iloc[0])
        said = "\n".join(", ".join(target) for target in targets.itertuples(index=False))
        panels[row][0].set_ylabel(row_label(f"{task}\n{said}"))
        before = columns[row]
    made.supxlabel("Trials", fontsize=points(7.5))
    legend(made, keys([name for name in material.methods() if name in set(table["method"])], look))
    made.data = table
    made.caption = CAPTION + (_PLAYERS if played else "")
    return {"": made}


def _players(panels: np.ndarray, material: Material, task: str, target: pd.Series) -> bool:
    """A line for each player at its value of the target of a task; return whether there is one in the frame."""
    metric = str(target["metric"])
    own = playing(material.players, task, metric, cast("Mode", target["mode"]))
    own = own[own["step"] == 0]
    if own["unit"].nunique() != 1:
        return False
    ratio = material.quantities.of(metric, own["unit"].iloc[0]).ratio
    return player_ticks_in_row(list(panels), own, ratio)
