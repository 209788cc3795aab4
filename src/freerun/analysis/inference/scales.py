"""Scales of comparisons: ratios are computed with as logarithms, and told as ratios."""

from __future__ import annotations

import numpy as np

#: The largest logarithm of a number that is told: what is beyond it overflows.
_LARGEST = 700.0


def unlogged(values: np.ndarray, logarithm: np.ndarray | bool = True) -> np.ndarray:
    """Numbers of which some are logarithms, as they are told: exponentials of these, and the others as they are.

    Args:
        values: the numbers.
        logarithm: which of them are logarithms; one beyond what a number can hold is told as the largest or smallest that can.
    """
    held = np.clip(np.where(logarithm, values, 0.0), -_LARGEST, _LARGEST)
    return np.where(logarithm, np.exp(held), values)
