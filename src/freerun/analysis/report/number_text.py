"""Numbers as text: three significant figures, with an interval where there is one; "undefined" where none is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from freerun.analysis.inference.labels import shown
from freerun.analysis.inference.power import LEVEL

UNDEFINED = "undefined"
#: What "shown" means wherever many things are looked at: Holm's correction at the level of the report, in plain words.
RISK = f"with a risk of at most {100 * LEVEL:g} % that chance alone made even one of these"


def number(value: float) -> str:
    """Three significant figures."""
    if not math.isfinite(value):
        return UNDEFINED
    if value == 0:
        return "0"
    text = f"{value:#.3g}" if abs(value) < 1000 else f"{value:.3g}"
    return text.rstrip(".").replace("-", "\N{MINUS SIGN}")


def span(low: float, high: float) -> str:
    """An interval in brackets; nothing where there is none."""
    return f"[{number(low)}, {number(high)}]" if math.isfinite(low) and math.isfinite(high) else ""


def measured(mean: float, low: float, high: float) -> str:
    """A mean with its interval."""
    return f"{number(mean)} {span(low, high)}".strip()


def with_unit(text: str, unit: str) -> str:
    """A number with its unit; shares have none."""
    return f"{text} {shown(unit)}" if unit and unit != "share" else text


def percent(ratio: float) -> str:
    """A ratio as a change: 1.07 is +7.0 %."""
    change = 100 * (ratio - 1)
    if not math.isfinite(change):
        return UNDEFINED
    text = f"{change:+.0f}" if abs(change) >= 10 else f"{change:+.1f}"
    return text.replace("-", "\N{MINUS SIGN}") + "\N{NO-BREAK SPACE}%"


def factor(ratio: float) -> str:
    """A ratio as a multiple."""
    return f"\N{MULTIPLICATION SIGN}{number(ratio)}"


def change(mean: float, low: float, high: float, ratio: bool, unit: str) -> str:
    """A paired difference: for a ratio a change in per cent or, where that says little, a multiple; else in units.

    From a double and from a tenth on it is a multiple, and where an end of the interval is the tenfold or a tenth: `-100 %`
    would stand for any small ratio.
    """
    if ratio:
        ends = [end for end in (low, high) if math.isfinite(end)]
        if not plain_ratio(mean, *ends):
            return factor(mean) + (f" {span(low, high)}" if ends else "")
        return percent(mean) + (f" [{percent(low)}, {percent(high)}]" if ends else "")
    if not math.isfinite(mean):
        return UNDEFINED
    sign = "+" if mean > 0 else ""
    return with_unit(f"{sign}{measured(mean, low, high)}", unit)


def plain_ratio(mean: float, *ends: float) -> bool:
    """Whether a ratio and the ends of its interval say more as a change in per cent than as a multiple."""
    return mean < 2 and all(0.1 < value < 10 for value in (mean, *ends))


def reversed_change(mean: float, low: float, high: float, ratio: bool) -> tuple[float, float, float]:
    """The change of the second side from the first, from that of the first from the second: mean, low, high."""
    return (1 / mean, 1 / high, 1 / low) if ratio else (-mean, -high, -low)


def listed(items: Sequence[str]) -> str:
    """Words joined by commas and an `and`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def seeds(n: int) -> str:
    """A count of seeds."""
    return counted(n, "seed")


def counted(n: int, what: str) -> str:
    """A number of things."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def any_of(n: int) -> str:
    """In none of some conditions."""
    return "its one condition" if n == 1 else f"any of {n} conditions"
