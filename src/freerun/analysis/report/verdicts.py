"""Verdicts: comparisons with the baseline, which side is better, and whether the power allows to say so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import FEWEST, LOST
from freerun.analysis.inference.multiple_comparisons import declared
from freerun.analysis.inference.paired_differences import against_baseline
from freerun.analysis.inference.power import LEVEL, assessed
from freerun.analysis.inference.replicates import LABELS
from freerun.analysis.report.number_text import counted, number, seeds

NO_INTERVAL, NO_DIFFERENCE = "no interval", "no difference shown"
#: What is said of a difference whose own interval excludes no change, but whose p-value does not survive Holm.
ALONE = "by its interval alone"
MEANT = (
    "By its interval alone: the 95 % interval of that one comparison excludes no change, but its p-value does not survive "
    "Holm, so that a difference is suggested there and not shown."
)


def comparisons(material: Material) -> pd.DataFrame:
    """Every regime against the first one, free and forced, with a `verdict` on each level of each row."""
    labels = material.runs.set_index("run")[LABELS]
    steps = material.steps.drop(columns=LABELS)
    steps = steps[material.reported(material.steps)]
    lost = material.runs.loc[material.runs["status"].isin(LOST), ["run", "seed"]]
    found = []
    for level in ("free", "forced"):
        rows = against_baseline(steps, labels, level, lost=lost, quantities=material.quantities)
        found.append(rows.assign(level=level))
    both = pd.concat(found, ignore_index=True)
    own = both["metric"] == both["task_label"].map(material.primary)
    table = declared(both, own)
    return table.assign(verdict=[verdict(row) for row in table.to_dict("records")])


def verdict(row: Mapping[Any, Any]) -> str:
    """What may be said of a comparison: by its p-value after Holm; its interval alone is not enough."""
    if not math.isfinite(row["low"]):
        return NO_INTERVAL
    neutral = 1.0 if row["ratio"] else 0.0
    way = "raises" if row["mean"] > neutral else "lowers"
    if row["holm"] <= LEVEL:
        return way
    return NO_DIFFERENCE if row["low"] <= neutral <= row["high"] else f"{way} {ALONE}"


def better(said: str, way: str) -> str:
    """Whether a verdict is a good one: `better` or `worse`, by its interval alone or not; "" where it is open.

    Args:
        said: the verdict.
        way: which way is better: `lower`, `higher`, or `neither`, where no verdict is good or bad.
    """
    if way == "neither" or not said.startswith(("raises", "lowers")):
        return ""
    good = said.startswith("raises") == (way == "higher")
    return ("better" if good else "worse") + (f" {ALONE}" if said.endswith(ALONE) else "")


def power(compared: pd.DataFrame) -> list[str]:
    """Which families of comparisons could not have shown anything, and how many seeds it would take."""
    table = assessed(compared[compared["n"] >= FEWEST])
    return [
        f"Underpowered: with {seeds(row['seeds'])} no p-value of a sign-flip test is below {number(row['smallest_p'])}, "
        f"which Holm over the family of {counted(row['comparisons'], 'comparison')} ({row['family']}) makes "
        f"{number(row['smallest_holm'])}; from {row['seeds_needed']} seeds on a difference can be shown, from "
        f"{row['seeds_for_one']} on one of a standard deviation is found with 80 % power."
        for row in table[table["underpowered"]].to_dict("records")
    ]
