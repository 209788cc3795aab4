"""Does the error of a free forecast accumulate, and how? A fit of free error against the step, with its exponent.

Three ways for an error e to go with the lead time t, each with two numbers to fit besides the spread around it:

    linear         e(t) = a + b t                   errors add up: "incremental distortion" at a constant rate b
    exponential    e(t) = a exp(g t)                errors feed on themselves, at a rate g: what a chaotic world does
    saturating     e(t) = a (1 - exp(-t / s))       errors stop growing, after s steps, at a

and `constant`, e(t) = a, which is no growth at all. All are fitted to logarithms of the error, which are as uncertain at the
first step as at the last, by least squares; the one with the smallest BIC,

    BIC = T ln(RSS / T) + k ln T ,

is the form of a condition: chosen once for the geometric mean over its seeds, then fitted to each seed alone, so that the
interval of its number is one over seeds. Steps are no replicates: no interval is taken from the fit itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from freerun.stats.intervals import mean_interval

FORMS = ("constant", "linear", "exponential", "saturating")
#: The number by which a form is known, and its unit.
NUMBERS = {"constant": ("", ""), "linear": ("b / a", "1/step"), "exponential": ("g", "1/step"), "saturating": ("s", "steps")}
#: The fewest steps that tell one form from another; how much smaller the BIC of a form with growth must be than the constant's
#: (10: "very strong", Kass & Raftery 1995, section 3.2).
LEAST, STRONG = 8, 10.0


def growth(steps: pd.DataFrame, by: Sequence[str], level: str = "free", key: int = 0) -> pd.DataFrame:
    """How the error grows in each condition.

    Args:
        steps: what `gap.exposure_gap` gives, of one split and one metric that is positive: a row a run and step.
        by: the columns that make a condition.
        level: the column that is fitted.
        key: which resamples, from 20 seeds on.

    Returns:
        The columns `by`, then `form`, `number` (its name), `unit`, `value`, `low`, `high` (an interval over seeds, undefined
        below three), `n` (seeds fitted), `seeds`, `steps` (fitted), `bic` (of the constant less that of the form), `fits` (how
        many seeds alone would choose the form) and `verdict`. A condition with fewer than 8 steps or an error that is not
        positive is `undefined`.
    """
    rows = []
    for names, part in steps.groupby(list(by), observed=True, sort=True, dropna=False):
        table = part.pivot_table(index="run", columns="step", values=level, observed=True, dropna=False)
        rows.append(
            dict(zip(by, names, strict=True)) | _condition(table.to_numpy(dtype=float), table.columns.to_numpy(float), key)
        )
    columns = ["form", "number", "unit", "value", "low", "high", "n", "seeds", "steps", "bic", "fits", "verdict"]
    return pd.DataFrame(rows, columns=[*by, *columns])


def choose(time: np.ndarray, errors: np.ndarray) -> tuple[str, float]:
    """The form of one curve and how much smaller its BIC is than the constant's.

    Args:
        time: T lead times, in steps.
        errors: T positive errors.
    """
    bics = {form: _bic(_residuals(form, time, np.log(errors)), 1 if form == "constant" else 2) for form in FORMS}
    best = min(FORMS[1:], key=lambda form: bics[form])
    gain = bics["constant"] - bics[best]
    return (best, gain) if gain > STRONG and _rises(best, time, errors) else ("constant", 0.0)


def number(form: str, time: np.ndarray, errors: np.ndarray) -> float:
    """The number of a form on one curve: b / a, g or s; NaN for a constant."""
    logs = np.log(errors)
    if form == "exponential":
        return float(np.polyfit(time, logs, 1)[0])
    if form == "linear":
        return float(np.exp(_best(_linear, time, logs)))
    if form == "saturating":
        return float(np.exp(_best(_saturating, time, logs)))
    return float("nan")


def verdict(form: str, value: float, low: float, high: float, last: float) -> str:
    """What a fit says, in words.

    Args:
        value, low, high: the form's number and its interval.
        last: the last step.
    """
    if form == "undefined":
        return "not to be fitted"
    if form == "constant":
        return "no growth: the error of the first steps is that of the last"
    known = np.isfinite(low) and np.isfinite(high)
    range_ = f" ({low:.3g} to {high:.3g})" if known else ", one or two seeds: no interval"
    if form == "exponential":
        if known and low <= 0 <= high:
            return f"no growth that holds over seeds: rate {value:.3g} a step{range_}"
        word = "grows" if value > 0 else "shrinks"
        return f"{word} exponentially, by a factor e in {abs(1 / value):.3g} steps: rate {value:.3g}{range_}"
    if form == "linear":
        return f"accumulates at a constant rate, by {value:.3g}{range_} of the error at the release in each step"
    return f"saturates after {value:.3g}{range_} steps" + ("" if value < last else ", beyond what was measured")


def _condition(curves: np.ndarray, time: np.ndarray, key: int) -> dict[str, object]:
    """One row of the table, from one curve a seed."""
    seeds = len(curves)
    fine = curves[np.isfinite(curves).all(axis=1) & (curves > 0).all(axis=1)]
    empty = {"number": "", "unit": "", "value": np.nan, "low": np.nan, "high": np.nan, "seeds": seeds, "steps": len(time)}
    if len(time) < LEAST or not len(fine):
        said = verdict("undefined", np.nan, np.nan, np.nan, np.nan)
        return empty | {"form": "undefined", "n": len(fine), "bic": np.nan, "fits": 0, "verdict": said}
    form, gain = choose(time, np.exp(np.log(fine).mean(axis=0)))
    each = np.array([number(form, time, curve) for curve in fine])
    fits = sum(choose(time, curve)[0] == form for curve in fine)
    named, unit = NUMBERS[form]
    found = mean_interval(each, log=form in ("linear", "saturating"), key=key) if form != "constant" else None
    value, low, high = (np.nan,) * 3 if found is None else (found.mean, found.low, found.high)
    said = verdict(form, value, low, high, time[-1])
    if len(fine) < seeds:
        said += f"; {seeds - len(fine)} of {seeds} seeds could not be fitted"
    return {
        "form": form, "number": named, "unit": unit, "value": value, "low": low, "high": high, "n": len(fine), "seeds": seeds,
        "steps": len(time), "bic": gain, "fits": fits, "verdict": said,
    }  # fmt: skip


def _linear(rate: float | np.ndarray, time: np.ndarray) -> np.ndarray:
    """Ln e(t) but for ln a, at b / a = exp(rate)."""
    shape: np.ndarray = np.log1p(np.exp(rate) * time)
    return shape


def _saturating(scale: float | np.ndarray, time: np.ndarray) -> np.ndarray:
    """Ln e(t) but for ln a, at s = exp(scale)."""
    shape: np.ndarray = np.log(-np.expm1(-time / np.exp(scale)))
    return shape


def _best(shape: Callable[[float | np.ndarray, np.ndarray], np.ndarray], time: np.ndarray, logs: np.ndarray) -> float:
    """The number, as a logarithm, that leaves the smallest residuals; ln a is then the mean of what is left."""
    grid = np.linspace(np.log(1e-4 / time[-1]), np.log(1e4 * time[-1]), 200)
    near = int(np.argmin(np.var(logs - shape(grid[:, None], time), axis=1)))
    around = grid[max(0, near - 1)], grid[min(len(grid) - 1, near + 1)]
    found = minimize_scalar(lambda value: np.var(logs - shape(value, time)), bounds=around, method="bounded")
    return float(found.x)


def _residuals(form: str, time: np.ndarray, logs: np.ndarray) -> np.ndarray:
    if form == "exponential":
        left: np.ndarray = logs - np.polyval(np.polyfit(time, logs, 1), time)
        return left
    if form == "linear":
        left = logs - _linear(_best(_linear, time, logs), time)
    elif form == "saturating":
        left = logs - _saturating(_best(_saturating, time, logs), time)
    else:
        left = logs
    rest: np.ndarray = left - left.mean()
    return rest


def _bic(residuals: np.ndarray, numbers: int) -> float:
    count = len(residuals)
    return float(count * np.log(max(np.mean(residuals**2), 1e-24)) + numbers * np.log(count))


def _rises(form: str, time: np.ndarray, errors: np.ndarray) -> bool:
    """A line that never rises, and a saturation before the first step, are constants; an exponential may shrink."""
    if form == "linear":
        return bool(number(form, time, errors) * time[-1] > 1e-2)
    return form != "saturating" or bool(number(form, time, errors) > 0.2 * time[0])
