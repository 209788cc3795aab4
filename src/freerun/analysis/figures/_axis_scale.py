"""Scales of axes: log scales with readable ticks, and the frame around what the seeds did."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, NullFormatter

_FEWEST_TICKS, _MOST_TICKS = 3, 8


def decades(axes: Axes, values: np.ndarray) -> None:
    """A log scale where all values are positive and span more than a decade."""
    seen = values[np.isfinite(values)]
    if len(seen) and seen.min() > 0 and seen.max() > 10 * seen.min():
        axes.set_yscale("log")
        readable(axes.yaxis)


class LogTicks(Locator):
    """Ticks of a log axis that can be read whatever it spans: from three to eight of them, at round numbers."""

    def __call__(self) -> Sequence[float]:
        return self.tick_values(*self.axis.get_view_interval()) if self.axis else []

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        low, high = sorted((vmin, vmax))
        if not 0 < low < high < math.inf:
            return []
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digits in ((1,), (1, 3), (1, 2, 5)):
            ticks = [digit * 10.0**power for power in decades for digit in digits if low <= digit * 10.0**power <= high]
            if len(ticks) >= _FEWEST_TICKS:
                return ticks[:: -(-len(ticks) // _MOST_TICKS)]
        for wanted in (4, 6, 8, 12):
            even = MaxNLocator(nbins=wanted, steps=[1, 2, 5, 10]).tick_values(low, high)
            ticks = [float(value) for value in even if low <= value <= high]
            if len(ticks) >= _FEWEST_TICKS:
                break
        return ticks


def readable(axis: Axis) -> None:
    """Give a log axis ticks at round numbers, written as such."""
    axis.set_major_locator(LogTicks())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def frame(axes: Axes, values: np.ndarray) -> None:
    """Frame what the seeds did, so that a wide band of few seeds does not flatten the curves."""
    decades(axes, values)
    seen = values[np.isfinite(values)]
    low, high = seen.min(), seen.max()
    if axes.get_yscale() == "log":
        axes.set_ylim(low / 1.3, high * 1.3)
    elif high > low:
        axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
