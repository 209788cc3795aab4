"""Columns that are the same but for their scale: under two names, in two units, with another sign."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

#: Rows by which pairs are found before all are compared; columns beyond which none is looked for; by how many standard
#: deviations two columns that are the same may differ.
_LOOKED_AT, _MOST, _ROUNDED = 64, 2000, 1e-5
_FEWEST = 3


def alike(table: Float[np.ndarray, "S C"]) -> list[list[int]]:
    """Return the groups of columns that are the same but for their scale, each by its places in rising order.

    Args:
        table: without a missing value.
    """
    if len(table) <= _FEWEST or not 2 <= table.shape[1] <= _MOST:
        return []
    rows = np.unique(np.linspace(0, len(table) - 1, _LOOKED_AT).round().astype(int))
    mean, spread = table.mean(0), table.std(0)
    changes = np.flatnonzero(spread > 1e-9 * np.abs(mean))
    some = (table[np.ix_(rows, changes)] - mean[changes]) / spread[changes]
    sizes = np.sqrt((some * some).sum(0))
    near = np.abs(some.T @ some) > (1 - 1e-8) * np.outer(sizes, sizes)
    groups: list[list[int]] = []
    for first in range(len(changes)):
        place = int(changes[first])
        if any(place in group for group in groups):
            continue
        others = changes[first + 1 :][near[first, first + 1 :]].tolist()
        if group := [other for other in others if _same(table[:, place], table[:, other])]:
            groups.append([place, *group])
    return groups


def _same(first: Float[np.ndarray, " S"], second: Float[np.ndarray, " S"]) -> bool:
    one, other = ((values - values.mean()) / values.std() for values in (first, second))
    sign = 1.0 if float(one @ other) > 0 else -1.0
    return float(np.abs(one - sign * other).max()) <= _ROUNDED
