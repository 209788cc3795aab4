"""Interval of a mean change, and its p-value: Student's t, the range of the measure, and what seeds that all agree cannot show.

Where every level of the seeds of both sides lies at an end of the measure, as of those that learn all or nothing, differences
are -1, 0 or 1 of its range, and Student's t is not exact: of ten seeds of which half learn, 7 % of studies had a false verdict,
9 % where they are not paired. There the p-value is at least that of flipping signs, or of dealing the runs anew, which is exact
(for pairs McNemar's, 1947, Psychometrika 12, 153-157), and the interval reaches to no change where that does not exclude it.

The same is done where seeds learn nearly all or stay at a chance that scatters a little (`two_levels`): of ten seeds of which
half learn, 6.8 % of studies had a false verdict. A side of which all seeds are of one level beside a side of which all are of
the other is not told from a large change: of three seeds that each learn or do not, 22 % of studies have a false verdict.

Ten seeds of either side that all solved a task have no spread, and an interval by their spread has no width. A pair that
differs may still be as frequent as the exact binomial interval of none in n has it (Clopper and Pearson 1934, Biometrika 26,
404-413), and differ by the whole range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from freerun.analysis.inference.confidence_intervals import CONFIDENCE, inside
from freerun.analysis.inference.rounding import ROUNDING
from freerun.analysis.inference.t_test import interval, p_value
from freerun.store.quantity import EVERYWHERE, Quantity

#: How many times as far as levels of one kind scatter those of two are apart at least.
_FAR = 10


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Some mean changes, and what is known of the seeds behind them.

    Attributes:
        mean: of the changes: of differences, or of logarithms of a ratio.
        error, freedom: as for `t_test.interval`.
        n: how many pairs, or runs of the smaller side.
        ratio: whether a change is the logarithm of a ratio.
        at_ends: what `all_at_ends` gives of the levels of both sides.
        in_two: what `two_levels` gives of them.
        p_signs: the p-value of flipping the signs of pairs, or of dealing the runs anew to two sides.
        measures: what is compared.
    """

    mean: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    n: np.ndarray
    ratio: np.ndarray
    at_ends: np.ndarray
    in_two: np.ndarray
    p_signs: np.ndarray
    measures: Sequence[Quantity]

    @cached_property
    def widths(self) -> np.ndarray:
        """From one end of what is compared to the other; infinite where it has no two ends."""
        lowest, highest = np.array([quantity.range for quantity in self.measures], dtype=float).reshape(-1, 2).T
        wide: np.ndarray = highest - lowest
        return wide

    @cached_property
    def by_chance(self) -> np.ndarray:
        """Whether the changes may all be one number by chance: differences of what has two ends, as a share has."""
        differences: np.ndarray = np.isfinite(self.widths) & ~self.ratio
        return differences

    @cached_property
    def at_least(self) -> np.ndarray:
        """What the p-value is at least: that of `p_signs` where all levels are at ends, or of two kinds, else 0."""
        least: np.ndarray = np.where((self.at_ends | self.in_two) & ~self.ratio & np.isfinite(self.p_signs), self.p_signs, 0.0)
        return least

    def p(self) -> np.ndarray:
        """The p-value of no change, of each alone."""
        values: np.ndarray = np.maximum(p_value(self.mean, self.error, self.freedom, self.by_chance), self.at_least)
        return values

    def interval(self, confidence: float | np.ndarray = CONFIDENCE) -> dict[str, np.ndarray]:
        """The bounds `low` and `high`; `confidence` of all intervals, or of each."""
        confidence = np.broadcast_to(np.asarray(confidence, dtype=float), self.mean.shape)
        low, high = interval(self.mean, self.error, self.freedom, confidence, self.by_chance)
        open_ = self.at_least >= 1 - confidence
        low, high = np.where(open_, np.minimum(low, 0.0), low), np.where(open_, np.maximum(high, 0.0), high)
        width = np.where(self.at_ends & (self.mean == 0) & ~self.ratio, self.widths, 0.0)
        seen_in_none = 1 - (1 - confidence) ** (1 / np.maximum(self.n, 1))
        more = np.where(self.error == 0, seen_in_none * width, 0.0)
        ranges = [EVERYWHERE if log else quantity.change for log, quantity in zip(self.ratio, self.measures, strict=True)]
        return inside(self.mean, low - more, high + more, ranges)


def two_levels(other: np.ndarray, first: np.ndarray) -> bool:
    """Whether levels are of two kinds, far apart beside their spread, and a side has seeds of both; NaN is left out."""
    sides = [of[np.isfinite(of)] for of in (other, first)]
    levels = np.sort(np.concatenate(sides))
    if len(levels) < 2:
        return False
    gaps = np.diff(levels)
    place = int(gaps.argmax())
    spread = max(levels[place] - levels[0], levels[-1] - levels[place + 1])
    mixed = any(len(of) and of.min() <= levels[place] < of.max() for of in sides)
    return bool(mixed and gaps[place] > 0 and gaps[place] >= _FAR * spread)


def all_at_ends(levels: np.ndarray, measure: Quantity) -> bool:
    """Whether every level lies at an end of what a measure can be, as where a seed learns all or nothing; NaN is left out."""
    known, ends = levels[np.isfinite(levels)], np.array(measure.range)
    if not len(known) or not np.isfinite(ends).all():
        return False
    return bool((np.abs(known[:, None] - ends).min(axis=1) <= ROUNDING).all())
