"""Exposure bias and what else a free error consists of, for each run.

Exposure bias is what happens to a model's one-step error because of what it is fed: its error against the truth's own answer at
what it made itself, against the same at what the truth fed. Some metrics measure just that in both modes, as their `Quantity`
says; their free value over the forced one, or minus it, is the exposure bias. What else lies between a free and a forced error
is told from the drift floor, the error of the truth with a fresh error of the forced size at every step, by lead time:

    ln free / forced  =  ln floor / forced  +  ln free / floor
                         accumulation          the rest

Accumulation is what the world makes of errors without memory. Of the rest, where it is measured, exposure is what larger
errors at own states add to the floor; what then is left is coherent drift: errors that hang together. All are averages over
the lead times at which every level is above rounding.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.inference.multiple_comparisons import holm
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.inference.rounding import ROUNDING
from freerun.analysis.inference.t_test import p_value
from freerun.analysis.tables.quantities import Quantities
from freerun.store.quantity import Quantity

PARTS = ("accumulation", "exposure", "coherent", "rest")


def changes(whole: pd.DataFrame, meant: Quantity) -> pd.DataFrame:
    """The change from forced to free of every run: of the logarithm for errors on a ratio scale, else the difference.

    Args:
        whole: rows of one metric, of what `gap.over_horizon` gives.
        meant: what its values mean.

    Returns:
        `whole` with `ratio` (whether it is of the logarithm) and `change`.
    """
    levels = whole[["forced", "free"]]
    ratio = meant.ratio and not bool((levels <= ROUNDING).any(axis=None))
    change = np.log(whole["free"] / whole["forced"]) if ratio else whole["free"] - whole["forced"]
    return whole.assign(ratio=ratio, change=change)


def tested(table: pd.DataFrame) -> pd.DataFrame:
    """Whether the mean `change` of each condition is shown not to be 0: Student's t, and Holm over all conditions of the table.

    Returns:
        `CELL`, `n` (runs), `mean`, `p` and `holm`; the latter two are undefined below three runs.
    """
    groups = table.groupby(CELL, observed=True, sort=True)["change"]
    tests = groups.agg(n="count", mean="mean", sd="std").reset_index()
    error = (tests["sd"] / np.sqrt(tests["n"])).where(tests["n"] >= FEWEST)
    p = p_value(tests["mean"].to_numpy(), error.to_numpy(), (tests["n"] - 1).to_numpy())
    return tests[[*CELL, "n", "mean"]].assign(p=p, holm=holm(p))


def one_step(whole: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """The one-step error of every run at what the truth fed (`forced`) and at what it fed itself (`free`).

    Args:
        whole: what `gap.over_horizon` gives, of one split, with the labels of conditions.
        quantities: what the values mean.

    Returns:
        The rows of `whole` of the first one-step error on each task, with `ratio` (whether the two are compared as a ratio) and
        `change` (of the logarithm, or the difference), own against true.
    """
    chosen = []
    for _, rows in whole.groupby("task_label", observed=True, sort=False):
        names = quantities.accounting("one-step error", rows["metric"])[:1]
        for own in (rows[rows["metric"] == name] for name in names):
            chosen.append(changes(own, quantities.of_rows(own[:1])[0]))  # noqa: PERF401 - a nested comprehension says less
    return pd.concat(chosen, ignore_index=True) if chosen else whole[:0].assign(ratio=False, change=0.0)


def free_error_parts(steps: pd.DataFrame, compared: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """The parts of the free error of every run that has a drift floor, as logarithms of factors.

    Args:
        steps: what `gap.exposure_gap` gives, of one split, with the labels of conditions.
        compared: the comparisons of that split.
        quantities: what the values mean: an error on a ratio scale with a floor that is measured, in the unit of the drift
            floor, is the one whose parts are told.

    Returns:
        `CELL`, run, metric, `free` (ln free / forced), and `PARTS`; `exposure` and `coherent` are undefined where the first is
        not measured.
    """
    keys = ["run", "step"]
    texts = {"run": "str", "unit": "str"}
    floor, part = (
        compared.loc[compared["metric"].isin(names), [*keys, "unit", "value"]].rename(columns={"value": column}).astype(texts)
        for column, names in (
            ("floor", quantities.accounting("drift floor", compared["metric"])),
            ("exposure", quantities.accounting("exposure", compared["metric"])),
        )
    )
    named = np.array([name is not None for name in quantities.where(steps, "floor_name")], dtype=bool)
    named &= quantities.where(steps, "scale") == "ratio"
    table = steps[named].astype(texts).merge(floor, on=[*keys, "unit"])
    table = table.merge(part.drop(columns="unit"), on=keys, how="left")
    table = table[(table[["forced", "free", "floor"]] > ROUNDING).all(axis=1)]
    table = table.assign(
        whole=np.log(table["free"] / table["forced"]),
        accumulation=np.log(table["floor"] / table["forced"]),
        rest=np.log(table["free"] / table["floor"]),
    )
    grouped = table.groupby([*CELL, "run", "metric"], observed=True, sort=True)
    runs = grouped[["whole", "accumulation", "exposure", "rest"]].mean().reset_index()
    return runs.rename(columns={"whole": "free"}).assign(coherent=runs["rest"] - runs["exposure"])
