"""Scales of axes: log scales with readable ticks, and the frame around what the seeds did."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, NullFormatter

from freerun.analysis.figures._venues import points

_FEWEST_TICKS, _MOST_TICKS = 3, 8
#: Quartile distances, on a log scale a factor, beyond which a value is left out of a frame, and the most values that may be.
_TIMES, _FACTOR, _FEW = 1e3, 1e6, 0.125
#: How far a frame reaches beyond its curves for single seeds, as a share of the height of the curves.
_AROUND = 0.3
#: What stands before the largest value above a frame, and before the smallest below it.
_OUTSIDE = ("\N{UPWARDS ARROW}", "\N{DOWNWARDS ARROW}")


def decades(axes: Axes, values: np.ndarray) -> None:
    """A log scale where all values are positive and span more than a decade."""
    if _spans_decades(values[np.isfinite(values)]):
        axes.set_yscale("log")
        readable(axes.yaxis)


def _spans_decades(seen: np.ndarray) -> bool:
    return bool(len(seen) and seen.min() > 0 and seen.max() > 10 * seen.min())


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


def frame_line(panels: Sequence[Axes], values: Sequence[np.ndarray]) -> bool:
    """Give panels side by side one scale, with ticks at the first; each its own where one of them would be half empty.

    Returns whether each has its own.

    Args:
        panels: with their curves.
        values: what was measured of single seeds, of each panel.
    """
    curves, whole = [drawn_in([axes]) for axes in panels], np.concatenate([one.ravel() for one in values])
    for axes in panels:
        decades(axes, whole)
    apart = len(panels) > 1 and _half_empty(whole, curves)
    if apart:
        for axes, own, means in zip(panels, values, curves, strict=True):
            _frame(axes, own.ravel(), means)
    else:
        for axes in panels[1:]:
            axes.sharey(panels[0])
            axes.tick_params(labelleft=False)
        _frame(panels[0], whole, np.concatenate(curves))
    return apart


def drawn_in(panels: Sequence[Axes]) -> np.ndarray:
    """The heights of the curves of methods in some panels; reference players lie behind them."""
    heights = [np.asarray(curve.get_ydata(), dtype=float) for axes in panels for curve in axes.lines if curve.get_zorder() >= 2]
    return np.concatenate([height[np.isfinite(height)] for height in heights if len(height) > 1] or [np.zeros(0)])


def _half_empty(values: np.ndarray, curves: Sequence[np.ndarray]) -> bool:
    """Whether on one scale the curves of a panel, where they are not level, would have less than half of the height."""
    seen = values[np.isfinite(values)]
    if not len(seen):
        return False
    log = _spans_decades(seen)
    ends = _near(np.concatenate(curves), *usual(seen, log=log), log=log)
    low, high = (np.log(end) if log else end for end in ends)
    for curve in curves:
        inside = np.clip(curve[(curve > 0) | (not log)], *ends)
        inside = np.log(inside) if log else inside
        if len(inside) and 0 < np.ptp(inside) < 0.5 * (high - low):
            return True
    return False


def _frame(axes: Axes, values: np.ndarray, means: np.ndarray) -> None:
    """Frame what the seeds did, so that neither a wide band of few seeds nor a run that exploded flattens the curves.

    Values beyond `usual` lie outside, and the panel says so; of single seeds that lie far from all curves, bands are clipped,
    so that the curves have most of the height. Where no value is finite the panel stays as it is.

    Args:
        axes: the panel, or the first of those that share its scale.
        values: what was measured of single seeds.
        means: what is drawn as curves.
    """
    if not np.isfinite(values).any():
        return
    log = axes.get_yscale() == "log"
    low, high = _near(means, *_ends(axes, values), log=log)
    if log:
        beside = min(1.3, (high / low) ** 0.08) if high > low else 1.3
        axes.set_ylim(low / beside, high * beside)
    elif high > low:
        axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))


def _near(means: np.ndarray, low: float, high: float, *, log: bool) -> tuple[float, float]:
    """The ends of a frame, no further from the curves than a share `_AROUND` of their height."""
    drawn = means[np.isfinite(means) & (means >= low) & (means <= high)]
    if not len(drawn) or drawn.min() == drawn.max():
        return low, high
    bottom, top = (np.log(end) if log else end for end in (drawn.min(), drawn.max()))
    room = _AROUND * (top - bottom)
    ends = (np.exp(bottom - room), np.exp(top + room)) if log else (bottom - room, top + room)
    return max(low, float(ends[0])), min(high, float(ends[1]))


def frame_dots(axes: Axes, values: np.ndarray) -> None:
    """Leave out of a drawn panel what lies beyond `usual`, and say so; a panel without such values stays as it is."""
    seen = values[np.isfinite(values)]
    if not len(seen):
        return
    low, high = _ends(axes, values)
    if low == high or (low, high) == (seen.min(), seen.max()):
        return
    room = 0.15 * (high - low)
    bottom, top = axes.get_ylim()
    above = high * 1.3 if axes.get_yscale() == "log" else high + room
    below = low / 1.3 if axes.get_yscale() == "log" else low - room
    axes.set_ylim(bottom if low == seen.min() else below, top if high == seen.max() else above)


def _ends(axes: Axes, values: np.ndarray) -> tuple[float, float]:
    """The ends of what is usual among values; what lies beyond them is said in the corner of the panel."""
    seen = values[np.isfinite(values)]
    low, high = usual(seen, log=axes.get_yscale() == "log")
    sides = zip(_OUTSIDE, (float(seen.max()), float(seen.min())), (high, low), strict=True)
    beyond = [f"{sign} {end:.1g}" for sign, end, usual_end in sides if end != usual_end]
    if beyond:
        axes.text(0.98, 0.98, "  ".join(beyond), transform=axes.transAxes, fontsize=points(5.5), ha="right", va="top", zorder=6)
    return low, high


def usual(values: np.ndarray, *, log: bool) -> tuple[float, float]:
    """Return the least and the largest value of those that have not exploded.

    A value has exploded where it lies `_TIMES` distances of the quartiles beyond the nearer one, on a log scale a factor
    `_FACTOR` beyond it, and is one of a few (a share `_FEW` at most): where a whole method lies, it is shown.
    """
    scaled = np.log(values) if log else values
    lower, upper = np.quantile(scaled, [0.25, 0.75])
    room = math.log(_FACTOR) if log else _TIMES * (upper - lower)
    sound = (scaled >= lower - room) & (scaled <= upper + room)
    if not room or (~sound).mean() > _FEW:  # where most are one number, nothing says what is far from it
        sound[:] = True
    return float(values[sound].min()), float(values[sound].max())
