"""Interval of a mean change: Student's t, the range of the measure, and what seeds that all agree cannot show.

Ten seeds of either side that all solved a task have no spread, and an interval by their spread has no width. A pair that
differs may still be as frequent as the exact binomial interval of none in n has it (Clopper and Pearson 1934, Biometrika 26,
404-413), and differ by the whole range.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from freerun.analysis.inference.confidence_intervals import CONFIDENCE, inside
from freerun.analysis.inference.rounding import ROUNDING
from freerun.analysis.inference.t_test import interval
from freerun.store.quantity import EVERYWHERE, Quantity


def change_interval(
    mean: np.ndarray,
    error: np.ndarray,
    freedom: np.ndarray,
    *,
    at_ends: np.ndarray,
    ratio: np.ndarray,
    n: np.ndarray,
    measures: Sequence[Quantity],
    confidence: float | np.ndarray = CONFIDENCE,
) -> dict[str, np.ndarray]:
    """The bounds `low` and `high` of some mean changes.

    Args:
        mean: of the changes: of differences, or of logarithms of a ratio.
        error, freedom: as for `t_test.interval`.
        at_ends: what `all_at_ends` gives of the levels of both sides.
        ratio: whether a change is the logarithm of a ratio.
        n: how many pairs, or runs of the smaller side.
        measures: what is compared.
        confidence: of all intervals, or of each.
    """
    low, high = interval(mean, error, freedom, confidence, agree_by_chance(measures, ratio))
    lowest, highest = np.array([quantity.range for quantity in measures], dtype=float).reshape(-1, 2).T
    width = np.where(at_ends & (mean == 0) & ~ratio, highest - lowest, 0.0)
    seen_in_none = 1 - (1 - np.asarray(confidence)) ** (1 / np.maximum(n, 1))
    more = np.where(error == 0, seen_in_none * width, 0.0)
    ranges = [EVERYWHERE if log else quantity.change for log, quantity in zip(ratio, measures, strict=True)]
    return inside(mean, low - more, high + more, ranges)


def agree_by_chance(measures: Sequence[Quantity], ratio: np.ndarray) -> np.ndarray:
    """Whether the changes of a measure may all be one number by chance: differences of what has two ends, as a share has."""
    two_ends = np.isfinite(np.array([quantity.range for quantity in measures], dtype=float).reshape(-1, 2)).all(axis=1)
    differences: np.ndarray = two_ends & ~np.asarray(ratio, dtype=bool)
    return differences


def all_at_ends(levels: np.ndarray, measure: Quantity) -> bool:
    """Whether every level lies at an end of what a measure can be, as where a seed learns all or nothing; NaN is left out."""
    known, ends = levels[np.isfinite(levels)], np.array(measure.range)
    if not len(known) or not np.isfinite(ends).all():
        return False
    return bool((np.abs(known[:, None] - ends).min(axis=1) <= ROUNDING).all())
