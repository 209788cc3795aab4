"""Does the excess error after a spoiled prefix decay or grow?"""

from __future__ import annotations


def verdict(low: float | None, high: float | None) -> str:
    """What the interval of `recovery_change`, the later excess less the early one, says.

    Args:
        low, high: of one run as recorded, or of the mean over seeds; None or NaN where there is no interval.

    Returns:
        ``self-recovery`` if all of it lies below 0, ``incremental`` if above, ``undecided`` if it holds 0, ``undefined``
        without an interval.
    """
    if low is None or high is None or low != low or high != high:
        return "undefined"
    if high < 0:
        return "self-recovery"
    return "incremental" if low > 0 else "undecided"
