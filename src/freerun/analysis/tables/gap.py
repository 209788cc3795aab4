"""Exposure gap and generalization gap: the one place where the two are defined.

    exposure gap(t)        free(t) - forced(t)      on the same split
    generalization gap(t)  test(t) - train(t)       in the same mode

per run, metric and step since the release. This is the one place where the two are defined. A gap always stands beside both
of its levels, and what is undefined stays undefined.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from freerun.analysis.tables.quantities import Quantities
from freerun.analysis.tables.tidy import MEASURE


def exposure_gap(gaps: pd.DataFrame) -> pd.DataFrame:
    """Free minus forced, for each run, split, metric and step.

    Returns:
        The columns of `gaps` without `mode` and `value`, then `forced`, `free` and `gap`. A step that is missing or
        undefined in one mode has an undefined gap.
    """
    kept = [name for name in gaps.columns if name not in ("mode", "value")]
    forced, free = (
        gaps.loc[gaps["mode"] == mode, [*kept, "value"]].rename(columns={"value": mode}).reset_index(drop=True)
        for mode in ("forced", "free")
    )
    keys = ["run", *(name for name in MEASURE if name != "mode")]
    aligned = forced[keys].equals(free[keys])  # as they come from the store: nothing to look up
    table = forced.assign(free=free["free"]) if aligned else forced.merge(free, on=kept, how="outer")
    return table.assign(gap=table["free"] - table["forced"])


def over_horizon(gaps: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """The exposure gap of a run in one number for each split and metric, between its two levels.

    A metric with a value for each step is averaged over the steps; a metric of the whole rollout is its value. All three
    numbers are averages over the same steps: those at which both modes are defined. A quantity that is conditioned is undefined
    where no sequence was left that meets its condition; where any other one is defined in one mode alone, a number overflowed,
    and the average is undefined rather than flattered.

    Returns:
        The columns of `gaps` without `mode`, `step` and `value`, then `forced`, `free`, `gap`, `steps` (averaged over)
        and `horizon` (steps at which either mode was defined).
    """
    pairs = exposure_gap(gaps)
    either, paired = pairs["forced"].notna() | pairs["free"].notna(), pairs["gap"].notna()
    levels = {name: pairs[name].where(paired) for name in ("forced", "free", "gap")}
    keys = [name for name in pairs.columns if name not in ("step", "forced", "free", "gap")]
    grouped = pairs.assign(**levels, steps=paired, horizon=either).groupby(keys, observed=True, sort=False, dropna=False)
    means = grouped[["forced", "free", "gap"]].mean()
    means[["steps", "horizon"]] = grouped[["steps", "horizon"]].sum()
    table = means.reset_index()
    plain = np.array([condition is None for condition in quantities.where(table, "conditioned")], dtype=bool)
    broken = (table["steps"] < table["horizon"]) & plain
    table.loc[broken, ["forced", "free", "gap"]] = float("nan")
    return table
