"""How much of an exposure gap is the world's own, and how much the model's?

A model's first step in the true context is off by its forced error. The true system, started off by that error, carries it on
to the chaos floor: what a perfect model would show from there. So the gap falls into two parts,

    free - forced  =  (floor - forced)  +  (free - floor)
                      the world's growth   exposure bias

each an average over the same steps, for each run, so that the intervals are over seeds. The second part is negative where the
closed loop does better than the world would have from its first error.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from freerun.stats.intervals import summarise

FLOOR, ERROR = "chaos_floor", "rmse"
PARTS = ("forced", "floor", "free", "world", "bias", "share")


def split(steps: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """Every run's errors and the parts of its gap at each step that has a floor.

    Args:
        steps: what `gap.exposure_gap` gives, of one split.
        compared: the comparisons of that split, with the floor among them.

    Returns:
        The rows of `steps` with the columns `floor`, `world` (floor - forced) and `bias` (free - floor).
    """
    floor = compared.loc[compared["metric"] == FLOOR, ["run", "step", "unit", "value"]].rename(columns={"value": "floor"})
    texts = dict.fromkeys(("run", "unit"), "str")
    both = steps[steps["metric"] == ERROR].astype(texts).merge(floor.astype(texts), on=["run", "step", "unit"])
    return both.assign(world=both["floor"] - both["forced"], bias=both["free"] - both["floor"])


def shares(parts: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The parts of the gap of every condition, over all steps.

    Args:
        parts: what `split` gives.
        by: the columns that make a condition.

    Returns:
        The columns `by` and `unit`, then for each of `PARTS` the mean over seeds with `_low` and `_high`, and `n`. `share` is
        bias / (free - forced). A run of which a number overflowed at some step is left out, and out of `n`.
    """
    keys = [*by, "unit", "run"]
    levels = ["forced", "floor", "free"]
    broken = parts[levels].isna().any(axis=1) & parts[levels].notna().any(axis=1)
    grouped = parts.assign(broken=broken).groupby(keys, observed=True, sort=True)
    runs = grouped[[*levels, "world", "bias"]].mean()
    runs.loc[grouped["broken"].any()] = float("nan")
    wide = runs.assign(share=runs["bias"] / (runs["free"] - runs["forced"])).reset_index()
    group = [*by, "unit"]
    table = wide[group].drop_duplicates().sort_values(group, kind="stable").reset_index(drop=True)
    for name in PARTS:
        found = summarise(wide, group, name)
        table = table.assign(
            **{name: found["mean"], f"{name}_low": found["low"], f"{name}_high": found["high"], "n": found["n"]}
        )
    return table
