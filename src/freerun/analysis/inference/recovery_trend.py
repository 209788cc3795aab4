"""Verdict on a change whose sign is the finding, as that of the excess error after a spoiled prefix."""

from __future__ import annotations

from freerun.analysis.inference.rounding import ROUNDING

#: What is said of an interval that holds 0, and where there is none.
UNDECIDED, UNDEFINED = "undecided", "undefined"


def verdict(low: float | None, high: float | None, signs: tuple[str, str]) -> str:
    """What the interval of a change says.

    Args:
        low, high: of one run as recorded, or of the mean over seeds; None or NaN where there is no interval.
        signs: what the change is called where it lies below 0, and where above (`Quantity.signs`).

    Returns:
        The first of the signs if all of the interval lies below 0, the second if above, ``undecided`` if it holds 0 or a number
        that is no larger than what rounding leaves of it, ``undefined`` without an interval.
    """
    if low is None or high is None or low != low or high != high:
        return UNDEFINED
    below, above = signs
    if high < -ROUNDING:
        return below
    return above if low > ROUNDING else UNDECIDED
