"""Verdicts of a family of comparisons, with intervals that say the same: Holm's procedure and equivalence within a margin.

Of a family of m comparisons, Holm (1979) tests the one with the r-th smallest p-value at the level a / (m - r + 1) as long as
all before it are shown to differ. The interval of a comparison is that of its own t test at the level at which it was decided:

    shown to differ      1 - a / (m - r + 1), which excludes no change
    else                 1 - a / m, which includes no change

and a comparison is equivalent where its interval at 1 - a / m lies within the margin, however surely it differs from none, and
within that share of whatever the mean of the baseline is, where the margin is one. So a false difference in the family is as
rare as a, and so is a false equivalence.
And a word never stands beside an interval that contradicts it. Each interval alone covers its true change in 95 % of studies or
more; where nothing differs, all of a family do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.inference.change_interval import Changes
from freerun.analysis.inference.empty_table import empty_table
from freerun.analysis.inference.equivalence import MARGIN, margin_of, proportional, within_share
from freerun.analysis.inference.power import LEVEL, seeds_to_detect
from freerun.analysis.inference.scales import unlogged
from freerun.store.quantity import Quantity

BETTER, WORSE, EQUIVALENT, OPEN = "better", "worse", "equivalent", "not distinguished"
#: The four words, the surest first.
WORDS = (BETTER, WORSE, EQUIVALENT, OPEN)
#: Where there is no interval, for lack of three pairs, where neither way is better, or where runs were lost by the wrong side.
NONE = "no verdict"
_ADDED = ("own_low", "own_high", "confidence", "margin", "equivalent", "needed", "verdict")


def judged(compared: pd.DataFrame, measures: Sequence[Quantity], share: float = MARGIN) -> pd.DataFrame:
    """Comparisons with their verdicts.

    Args:
        compared: with the columns `mean`, `low`, `high` (at 95 %, of each alone), `sd`, `error`, `freedom`, `n`, `ratio`,
            `at_ends`, `in_two`, `baseline_mean` with `baseline_error` and its `covariance` with the mean change, `better`,
            `paired` (by seed, or two samples), `lost`, `first_lost`, `family`, `p`, `p_signs` and `holm`.
        measures: what each row compares.
        share: the margin of the study, as in `freerun.analysis.inference.equivalence`.

    Returns:
        The same with `low` and `high` at the level of the family and `own_low`, `own_high` (what they were), `confidence`
        (that level), `margin` (a factor for a ratio, else a difference), `equivalent`, `verdict`, and, where that is `not
        distinguished`, `needed`: the pairs of seeds that find a change as large as the margin in 80 % of studies, after Holm at
        its strictest, by the spread that was seen; infinite beyond 10,000, undefined without a spread or margin.
    """
    if compared.empty:
        return compared.assign(**empty_table(_ADDED, ["verdict"], ["equivalent"]))
    ratio = compared["ratio"].to_numpy(dtype=bool)
    size, level = _levels(compared)
    margins = np.array(
        [
            margin_of(quantity, log, mean, share)
            for quantity, log, mean in zip(measures, ratio, compared["baseline_mean"].astype(float), strict=True)
        ]
    )
    centre = np.log(np.where(ratio, compared["mean"].astype(float), 1.0))
    centre = np.where(ratio, centre, compared["mean"].astype(float))
    spread, freedom, n = (compared[name].to_numpy(dtype=float) for name in ("error", "freedom", "n"))
    changes = Changes(
        mean=centre, error=spread, freedom=freedom, n=n, ratio=ratio, at_ends=compared["at_ends"].to_numpy(dtype=bool),
        in_two=compared["in_two"].to_numpy(dtype=bool),
        p_signs=compared["p_signs"].to_numpy(dtype=float), measures=measures,
    )  # fmt: skip

    def bounds(confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ends = changes.interval(confidence)
        return ends["low"], ends["high"]

    wide = bounds(1 - LEVEL / size)
    share_of = np.array([proportional(quantity, log) for quantity, log in zip(measures, ratio, strict=True)])
    first, first_error, common = (
        compared[name].to_numpy(dtype=float) for name in ("baseline_mean", "baseline_error", "covariance")
    )
    shown_within = within_share(centre, spread, freedom, first, first_error, common, share, 1 - LEVEL / size)
    equivalent = (wide[0] >= -margins) & (wide[1] <= margins) & (shown_within | ~share_of)
    confidence = np.where(equivalent, 1 - LEVEL / size, 1 - level)
    low, high = bounds(confidence)
    shown = {"low": low, "high": high, "margin": margins}
    shown = {name: unlogged(values, ratio) for name, values in shown.items()}
    table = compared.assign(
        own_low=compared["low"], own_high=compared["high"], confidence=confidence, equivalent=equivalent, **shown
    )
    table = table.assign(verdict=[verdict(row) for row in table.to_dict("records")])
    needed = [
        _needed(largest, sd, paired, size) if word == OPEN else float("nan")
        for word, largest, sd, paired, size in zip(
            table["verdict"], margins, table["sd"].astype(float), table["paired"].astype(bool), size, strict=True
        )
    ]
    return table.assign(needed=needed)


def verdict(row: Mapping[Any, Any]) -> str:
    """The word for a comparison of which `low`, `mean`, `high`, `ratio`, `better`, `holm`, `equivalent` and losses are known.

    Means are of the runs that have a result. A side that diverges where it does badly has the better mean, so none is called
    better that lost more of its runs (`lost`, `first_lost`: shares), nor two equivalent of which one lost more.
    """
    if np.isnan(row["low"]) or row["better"] == "neither":
        return NONE
    word = _of_means(row)
    more, fewer = row["lost"] > row["first_lost"], row["lost"] < row["first_lost"]
    spared = {BETTER: more, WORSE: fewer, EQUIVALENT: more or fewer, OPEN: False}
    return NONE if spared[word] else word


def _of_means(row: Mapping[Any, Any]) -> str:
    if row["equivalent"]:
        return EQUIVALENT
    if not row["holm"] <= LEVEL:
        return OPEN
    higher = row["mean"] > (1.0 if row["ratio"] else 0.0)
    return BETTER if higher == (row["better"] == "higher") else WORSE


def over_set(words: Sequence[str]) -> str:
    """The verdict over a set of headlines, of one word for each.

    A headline without a verdict leaves the set without one: a measure that is undefined, as where a closed loop leaves every
    bound, may be the one by which the other side is better.

    Returns:
        "" where one is better and another worse; else `no verdict` where one has none; `better` where one is better, `worse`
        where one is worse, `equivalent` where all are, else `not distinguished`.
    """
    known = set(words)
    if {BETTER, WORSE} <= known:
        return ""
    if NONE in known or not known:
        return NONE
    for word in (BETTER, WORSE):
        if word in known:
            return word
    return EQUIVALENT if known == {EQUIVALENT} else OPEN


def _levels(compared: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """How many comparisons the family of each row tests, and the level at which Holm decided that row."""
    families, names = pd.factorize(compared["family"])
    p, holm = (compared[name].to_numpy(dtype=float) for name in ("p", "holm"))
    size, level = np.ones(len(compared)), np.full(len(compared), LEVEL)
    for family in range(len(names)):
        in_family = families == family
        rows = np.flatnonzero(in_family & np.isfinite(p))
        size[in_family] = max(1, len(rows))
        order = rows[np.argsort(p[rows], kind="stable")]
        left = len(order) - np.arange(len(order))
        level[order] = LEVEL / np.where(holm[order] <= LEVEL, left, len(order))
    return size, level


def _needed(margin: float, sd: float, paired: bool, family: float) -> float:
    """Pairs, or runs a side, that find a change as large as the margin; a difference of two runs scatters more than either."""
    if not (np.isfinite(margin) and sd > 0 and margin > 0):
        return float("nan")
    effect = margin / sd / (1.0 if paired else 2**0.5)
    try:
        return float(seeds_to_detect(float(f"{effect:.3g}"), int(family)))
    except ValueError:
        return float("inf")
