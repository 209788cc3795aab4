"""Decomposition of an exposure gap: the part that is the world's own chaos, and the part that is the model's.

A model's first step in the true context is off by its forced error. The true system, started off by that error, carries it on
to the chaos floor: what a perfect model would show from there. So the gap falls into two parts,

    free - forced  =  (floor - forced)  +  (free - floor)
                      the world's growth   exposure bias

each an average over the same steps, for each run, so that the intervals are over seeds. The second part is negative where the
closed loop does better than the world would have from its first error. Its share of the gap is a ratio of two means over seeds,
and has the interval of Fieller (1954, J. R. Stat. Soc. B 16, 175-185): all shares r for which the mean of bias - r gap is not
shown to differ from 0 by Student's t. That is exact for normal parts; where the gap itself is not shown to differ from 0 there
are shares without bounds among them, and the share is undefined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from freerun.analysis.inference.confidence_intervals import CONFIDENCE, FEWEST, half_width, summarise
from freerun.analysis.tables.quantities import Quantities
from freerun.store.quantity import EVERYWHERE, FROM_0, Range

PARTS = ("forced", "floor", "free", "world", "bias", "share")


def split(steps: pd.DataFrame, compared: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """Every run's errors and the parts of its gap at each step that has a floor.

    Args:
        steps: what `gap.exposure_gap` gives, of one split.
        compared: the comparisons of that split, with the floor among them.
        quantities: what the values mean: which errors on a ratio scale have a floor that is measured, and by what.

    Returns:
        The rows of `steps` with the columns `floor`, `world` (floor - forced) and `bias` (free - floor).
    """
    by = ["run", "step", "unit", "below"]
    floor = compared[["run", "step", "unit", "value"]].assign(below=compared["metric"].astype("str"))
    below = quantities.where(steps, "floor_name")
    named = np.array([each is not None for each in below], dtype=bool)
    named &= quantities.where(steps, "scale") == "ratio"  # an error, not a time or a logarithm that has a floor of its own
    own = steps[named].assign(below=pd.Series(below[named], index=steps.index[named], dtype="str"))
    texts = dict.fromkeys(("run", "unit"), "str")
    both = own.astype(texts).merge(floor.astype(texts).rename(columns={"value": "floor"}), on=by).drop(columns="below")
    return both.assign(world=both["floor"] - both["forced"], bias=both["free"] - both["floor"])


def shares(parts: pd.DataFrame, by: Sequence[str], within: Range = FROM_0) -> pd.DataFrame:
    """The parts of the gap of every condition, over all steps.

    Args:
        parts: what `split` gives.
        by: the columns that make a condition.
        within: between which values the error can lie.

    Returns:
        The columns `by` and `unit`, then for each of `PARTS` the mean over seeds with `_low` and `_high`, and `n`. `share` is
        mean bias / mean (free - forced), undefined where the interval of the gap holds 0. A run of which a number overflowed
        at some step is left out, and out of `n`.
    """
    keys = [*by, "unit", "run"]
    levels = ["forced", "floor", "free"]
    broken = parts[levels].isna().any(axis=1) & parts[levels].notna().any(axis=1)
    grouped = parts.assign(broken=broken).groupby(keys, observed=True, sort=True)
    runs = grouped[[*levels, "world", "bias"]].mean()
    runs.loc[grouped["broken"].any()] = float("nan")
    wide = runs.reset_index()
    group = [*by, "unit"]
    table = wide[group].drop_duplicates().sort_values(group, kind="stable").reset_index(drop=True)
    for name in PARTS[:-1]:
        found = summarise(wide, group, name, within=within if name in levels else EVERYWHERE)
        table = table.assign(
            **{name: found["mean"], f"{name}_low": found["low"], f"{name}_high": found["high"], "n": found["n"]}
        )
    each = wide.assign(gap=wide["free"] - wide["forced"]).groupby(group, observed=True, sort=True)[["bias", "gap"]]
    ratios = np.array([fieller(*rows.dropna().to_numpy().T) for _, rows in each]).reshape(-1, 3)
    return table.assign(share=ratios[:, 0], share_low=ratios[:, 1], share_high=ratios[:, 2])


def fieller(above: np.ndarray, below: np.ndarray, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """The ratio of two means over pairs, above / below, with Fieller's interval.

    Returns:
        The ratio, low and high. All are undefined where the interval of the mean below holds 0, the last two below three pairs.
    """
    n = len(above)
    undefined = float("nan"), float("nan"), float("nan")
    if n == 0 or below.mean() == 0:
        return undefined
    x, y = float(above.mean()), float(below.mean())
    if n < FEWEST:
        return x / y, *undefined[1:]
    t2 = float(half_width(np.array(1.0), np.array(n), confidence)) ** 2
    (xx, xy), (_, yy) = t2 * np.cov(above, below)
    square = y**2 - yy
    if square <= 0:
        return undefined
    middle, root = x * y - xy, max(0.0, (x * y - xy) ** 2 - square * (x**2 - xx)) ** 0.5
    return x / y, (middle - root) / square, (middle + root) / square
