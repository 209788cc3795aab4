"""What is known beside the gap? Measures that set the closed loop beside the forced one, or beside the true system.

Exact and accumulated errors, long-run statistics with their floors, exponents, what of a free error is the world's own.
"""

from __future__ import annotations

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import inside, summarise
from freerun.analysis.inference.labels import bounds, label
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.number_text import listed, measured

#: The measure that stands as the floor, or as the truth, of another one.
FLOORS = {"lyapunov": "lyapunov_true"}
#: Which measures cannot tell an orbit from the same one run backwards, and which can.
BLIND, SEEING = ("d_stsp", "d_h"), ("d_flow",)
_SIGHT = {
    **dict.fromkeys(BLIND, " (blind to the direction of time)"), **dict.fromkeys(SEEING, " (sees the direction of time)"),
}  # fmt: skip
#: What has a section of its own.
_ELSEWHERE = ("chaos_floor", "recovery_change")


def rows(material: Material) -> list[dict[str, str]]:
    """One row for each condition and measure on the test split: the mean over seeds at the last step, and its floor."""
    if material.compared.empty:
        return []
    keys = [*CELL, "metric", "unit"]
    ends = material.compared.sort_values("step", kind="stable").drop_duplicates(["run", "metric"], keep="last")
    table = summarise(ends, keys, "value")
    ranges = [bounds(str(row["metric"]), str(row["unit"])) for row in table[["metric", "unit"]].to_dict("records")]
    table = table.assign(**inside(table["mean"], table["low"], table["high"], ranges)).merge(
        ends.groupby(["task_label", "metric"], observed=True)["step"].max().rename("step").reset_index(),
        on=["task_label", "metric"],
    )
    texts = {
        (*(str(row[name]) for name in CELL), str(row["metric"])): measured(row["mean"], row["low"], row["high"])
        for row in table.to_dict("records")
    }
    floors = {str(name): FLOORS.get(str(name), f"{name}_floor") for name in table["metric"].unique()}
    found = []
    for row in table.to_dict("records"):
        metric, cell = str(row["metric"]), tuple(str(row[name]) for name in CELL)
        if metric in floors.values() or metric in _ELSEWHERE:
            continue
        found.append(
            {
                **dict(zip(CELL, cell, strict=True)),
                "measure": label(metric) + _SIGHT.get(metric, ""),
                "variant": str(row["unit"]),
                "at": f"step {row['step']}" if row["step"] else "whole",
                "value": texts[*cell, metric],
                "floor": texts.get((*cell, floors[metric]), ""),
                "n": str(row["n"]),
            }
        )
    return found


def blind(material: Material) -> list[str]:
    """What has to be said of measures that run an orbit backwards and see nothing."""
    known = [name for name in dict.fromkeys(material.compared["metric"].astype(str)) if name in (*BLIND, *SEEING)]
    unseeing, seeing = ([label(name) for name in names if name in known] for names in (BLIND, SEEING))
    if not unseeing:
        return []
    against = f"; the {listed(seeing).lower()} is not, so read them together" if seeing else ", and no measure here sees it"
    return [f"Of an orbit that runs backwards in time the {listed(unseeing).lower()} from the orbit itself is 0{against}."]
