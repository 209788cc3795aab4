"""Expected best of n trials, of a method that was tuned by more of them.

Dodge et al. 2019, "Show your work: improved reporting of experimental results", equation 7: with the trials' values as the
distribution that trials are drawn from,

    E[best of n] = sum over values v of v (P(V <= v)^n - P(V < v)^n)

for the largest, and the same of -V for the smallest. This is the plug-in estimator, which draws with replacement: it is too
cautious for n near the number of trials (Tang et al. 2020, "Showing your work doesn't always work"). It is of trials that do
not depend on each other, so of a grid or of random points; for a sampler that learns from its trials there is the best so far.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def expected_best(values: Sequence[float], *, maximize: bool) -> list[float]:
    """The expected best of n trials, for n from 1 to their number.

    Args:
        values: of the trials, finite.
        maximize: the largest is best; else the smallest.
    """
    sign = 1.0 if maximize else -1.0
    ordered = np.sort(sign * np.asarray(values, dtype=float))
    ranks = np.arange(len(ordered) + 1) / max(1, len(ordered))
    return [float(sign * np.sum(ordered * np.diff(ranks**n))) for n in range(1, len(ordered) + 1)]


def best_so_far(values: Sequence[float], *, maximize: bool) -> list[float]:
    """The best of the first n trials, for n from 1 to their number."""
    best = (np.maximum if maximize else np.minimum).accumulate(np.asarray(values, dtype=float))
    return [float(value) for value in best]


def finite(values: Sequence[float | None], *, maximize: bool) -> list[float]:
    """The values of trials, where one without a value counts as the worst that has one; none where none has."""
    known = [value for value in values if value is not None]
    worst = (min if maximize else max)(known, default=None)
    return [] if worst is None else [worst if value is None else value for value in values]
