"""Companion measures: those that set the closed loop beside the forced one, or beside the true system.

Exact and accumulated errors, long-run statistics with their floors, exponents, what of a free error is the world's own.
"""

from __future__ import annotations

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import inside, summarise
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.inference.rounding import ROUNDING
from freerun.analysis.report.number_text import listed, measured
from freerun.analysis.report.section import Grid, Section
from freerun.store.quantity import TIME_REVERSAL, Quantity

_NOTE = (
    "On test sequences, at the last step measured; means over seeds with 95 % intervals. Floor: the same measure of the true "
    "system against itself, or the true value."
)
_COLUMNS = {
    "task_label": "Task", "measure": "Measure", "model_label": "Model", "method": "Regime", "at": "At", "value": "Value",
    "floor": "Floor", "n": "n", "variant": "Variant or unit",
}  # fmt: skip


def section(material: Material) -> Section | None:
    """All companion measures in a table; None where nothing is set beside anything."""
    lines = rows(material)
    if not lines:
        return None
    title = f"{len(lines)} measures of the closed loop beside the forced one or the true system"
    cells = [[line[name] for name in _COLUMNS] for line in lines]
    grid = Grid(title=title, head=list(_COLUMNS.values()), rows=cells)
    return Section(title="Beside the gap", sentences=blind(material), note=material.of_split(_NOTE), tables=[grid])


def rows(material: Material) -> list[dict[str, str]]:
    """One row for each condition and measure on the test split: the mean over seeds at its own last step, and its floor.

    A measure that is the floor of another one stands beside that; a change whose sign is the finding has a section of its own.
    """
    if material.compared.empty:
        return []
    keys = [*CELL, "metric", "unit"]
    ends = material.compared.sort_values("step", kind="stable").drop_duplicates(["run", "metric"], keep="last")
    table = _means(ends, keys, material)
    ranges = [quantity.range for quantity in material.quantities.of_rows(table)]
    table = table.assign(**inside(table["mean"], table["low"], table["high"], ranges)).merge(
        ends.groupby(keys, observed=True)["step"].max().reset_index(), on=keys
    )
    texts = {
        (*(str(row[name]) for name in CELL), str(row["metric"])): measured(row["mean"], row["low"], row["high"])
        for row in table.to_dict("records")
    }
    floors = {*material.quantities.where(material.steps, "floor_name"), *material.quantities.where(table, "floor_name")}
    lines = []
    for row, meant in zip(table.to_dict("records"), material.quantities.of_rows(table), strict=True):
        metric, cell = meant.name, tuple(str(row[name]) for name in CELL)
        if metric in floors or meant.signs is not None:
            continue
        lines.append(
            {
                **dict(zip(CELL, cell, strict=True)),
                "measure": meant.label + _sight(meant),
                "variant": str(row["unit"]),
                "at": f"step {row['step']}" if row["step"] else "whole",
                "value": texts[*cell, metric],
                "floor": texts.get((*cell, str(meant.floor_name)), ""),
                "n": str(row["n"]),
            }
        )
    return lines


def _means(ends: pd.DataFrame, keys: list[str], material: Material) -> pd.DataFrame:
    """Means over seeds on the scale of each measure: geometric where it is a ratio and all of its values are above rounding."""
    least = ends.groupby(["metric", "unit"], observed=True)["value"].transform("min")
    log = material.quantities.where(ends, "ratio").astype(bool) & (least > ROUNDING).to_numpy()
    sides = ((False, ~log), (True, log))
    parts = [summarise(ends[chosen], keys, "value", log=geometric) for geometric, chosen in sides if chosen.any()]
    return pd.concat(parts, ignore_index=True).sort_values(keys, kind="stable").reset_index(drop=True)


def blind(material: Material) -> list[str]:
    """The warning on measures that do not see whether an orbit runs backwards; none where all do."""
    known = material.quantities.of_rows(material.compared[["metric", "unit"]].drop_duplicates())
    unseeing = list(dict.fromkeys(quantity.label for quantity in known if TIME_REVERSAL in quantity.blind))
    seeing = list(dict.fromkeys(quantity.label for quantity in known if TIME_REVERSAL in quantity.sees))
    if not unseeing:
        return []
    against = f"the {listed(seeing).lower()} is not, so read them together" if seeing else "no measure here sees it"
    return [f"Between an orbit and the same orbit run backwards in time these are 0: {listed(unseeing).lower()}; {against}."]


def _sight(meant: Quantity) -> str:
    if TIME_REVERSAL in meant.blind:
        return f" (blind to {TIME_REVERSAL})"
    return f" (sees {TIME_REVERSAL})" if TIME_REVERSAL in meant.sees else ""
