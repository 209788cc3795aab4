"""Growth of the free error with the lead time: whether it is shown, its form, and its rate or exponent.

That it goes with the step at all must be shown first: the slope of its logarithm against the step, one a seed and in units of
that seed's own scatter (Fisher's z of the two, so that no seed outweighs the others), has a t interval over seeds without 0.
Then the form of a condition (`freerun.analysis.inference.curve_fits`) is chosen once for the geometric mean over its seeds, and
fitted to each seed alone, so that the interval of its number is one over seeds. Steps are no replicates, since an error at one
step is much like that at the next: no interval is taken from the fit itself, and no growth from the fit alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import bdtr

from freerun.analysis.inference.confidence_intervals import CONFIDENCE, FEWEST, Interval, mean_interval
from freerun.analysis.inference.curve_fits import NUMBERS, choose, fitted, number
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.inference.rounding import ROUNDING
from freerun.analysis.tables.quantities import Quantities

#: The fewest steps that tell one form from another.
LEAST = 8
#: A correlation with the step beyond which a curve is a straight line.
STRAIGHT = 1 - 1e-6
#: What is said where the error is not shown to go with the step.
NONE = "no growth is shown"
_ENDLESS = {"linear": "is in proportion to the step", "saturating": "does not saturate"}
_FOUND = ["form", "number", "unit", "value", "low", "high", "n", "seeds", "steps", "bic", "fits", "off", "verdict"]


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
        many seeds alone would choose the form), `off` (the largest factor by which the form misses the mean at a step) and
        `verdict`. Where no growth is shown the form is `constant`; fewer than three
        seeds cannot show any, and have the form that fits best. A condition with fewer than 8 steps or an error that is not
        above rounding is `undefined`.
    """
    rows = []
    for names, part in steps.groupby(list(by), observed=True, sort=True, dropna=False):
        table = part.pivot_table(index="run", columns="step", values=level, observed=True, dropna=False)
        rows.append(
            dict(zip(by, names, strict=True)) | _condition(table.to_numpy(dtype=float), table.columns.to_numpy(float), key)
        )
    return pd.DataFrame(rows, columns=[*by, *_FOUND])


def growing(steps: pd.DataFrame, forecasts: Mapping[str, str], quantities: Quantities) -> pd.DataFrame:
    """`growth` of each task's free forecast error, where that is on a ratio scale and has more than one step since the release.

    An error that is conditioned is fitted at the steps at which every seed has something that meets the condition.

    Args:
        steps: errors by step with the labels of conditions.
        forecasts: the error of each task's forecast against what came.
        quantities: what the values mean.

    Returns:
        The columns of `growth` by `CELL`, `metric` and its `label`; in the order of the tasks.
    """
    fits = []
    for task, metric in forecasts.items():
        rows = steps[(steps["task_label"] == task) & (steps["metric"] == metric) & (steps["step"] >= 1)]
        meant = [quantities.of(metric, unit) for unit in rows["unit"].astype(str).unique()]
        if rows["step"].nunique() > 1 and rows["free"].notna().any() and all(quantity.ratio for quantity in meant):
            known = _known(rows) if meant[0].conditioned else rows
            fits.append(growth(known, CELL).assign(metric=metric, label=meant[0].label))
    return pd.concat(fits, ignore_index=True) if fits else pd.DataFrame(columns=[*CELL, *_FOUND, "metric", "label"])


def verdict(form: str, value: float, low: float, high: float, last: float) -> str:
    """What a fit says, in words.

    Args:
        value, low, high: the form's number and its interval.
        last: the last step.
    """
    if form == "undefined":
        return "too few steps, or seeds, with an error to be fitted"
    if form == "constant":
        return NONE
    if np.isinf(value):
        return "grows in proportion to the step" + (", and has not begun to saturate" if form == "saturating" else "")
    known = np.isfinite(low) and np.isfinite(high)
    range_ = f" [{low:.3g}, {high:.3g}]" if known else ", no interval"
    if form == "exponential":
        if known and low <= 0 <= high:
            return f"no growth that holds over seeds: rate {value:.3g} a step{range_}"
        word = "grows" if value > 0 else "shrinks"
        return f"{word} exponentially, by a factor e in {abs(1 / value):.3g} steps: rate {value:.3g}{range_}"
    if form == "logistic":
        return (
            f"grows exponentially at first, by a factor e in {1 / value:.3g} steps (rate {value:.3g}{range_}), then saturates"
        )
    if form == "linear":
        return f"accumulates at a constant rate, by {value:.3g}{range_} of the error at the release in each step"
    return f"saturates after {value:.3g}{range_} steps" + ("" if value < last else ", beyond what was measured")


def means(steps: pd.DataFrame, row: Mapping[Any, Any], quantities: Quantities) -> pd.DataFrame:
    """The geometric mean over seeds that a form was fitted to.

    Args:
        steps: as for `growing`.
        row: one of what `growing` gives, that has a form.
        quantities: what the values mean.

    Returns:
        The columns of `CELL`, metric, label, unit, form, step and free.
    """
    selected = (steps["metric"] == row["metric"]) & (steps["step"] >= 1)
    for name in CELL:
        selected &= steps[name] == row[name]
    unit = str(steps.loc[selected, "unit"].iloc[0])
    rows = _known(steps[selected]) if quantities.of(row["metric"], unit).conditioned else steps[selected]
    table = rows.pivot_table(index="run", columns="step", values="free", observed=True, dropna=False)
    fine = table[(np.isfinite(table) & (table > ROUNDING)).all(axis=1)]
    named = {
        **{name: row[name] for name in CELL},
        "metric": row["metric"],
        "label": row["label"],
        "unit": unit,
        "form": row["form"],
    }
    return pd.DataFrame({**named, "step": table.columns, "free": np.exp(np.log(fine).mean(axis=0)).to_numpy()})


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    """The steps of each condition at which every run is defined."""
    whole = rows["free"].notna().groupby([*(rows[name] for name in CELL), rows["step"]], observed=True).transform("all")
    return rows[whole]


def _condition(curves: np.ndarray, time: np.ndarray, key: int) -> dict[str, object]:
    """One row of the table, from one curve a seed."""
    seeds = len(curves)
    fine = curves[np.isfinite(curves).all(axis=1) & (curves > ROUNDING).all(axis=1)]
    empty = {"number": "", "unit": "", "value": np.nan, "low": np.nan, "high": np.nan, "seeds": seeds, "steps": len(time)}
    if len(time) < LEAST or not len(fine):
        said = verdict("undefined", np.nan, np.nan, np.nan, np.nan)
        return empty | {"form": "undefined", "n": len(fine), "bic": np.nan, "fits": 0, "off": np.nan, "verdict": said}
    form, gain = _shown(fine, time, key)
    per_seed = np.array([number(form, time, curve) for curve in fine])
    fits = sum(choose(time, curve)[0] == form for curve in fine)
    named, unit = NUMBERS[form]
    middle = np.exp(np.log(fine).mean(axis=0))
    off = float(np.exp(np.abs(np.log(middle / fitted(form, time, middle))).max()))
    endless = int(np.isinf(per_seed).sum())
    if form == "constant":
        value, low, high = (np.nan,) * 3
    else:
        interval = _median(per_seed) if endless else mean_interval(per_seed, log=form != "exponential", key=key)
        value, low, high = interval.mean, interval.low, interval.high
        low, high = (np.nan, np.nan) if np.isinf(value) else (low, high)
    said = verdict(form, value, low, high, time[-1])
    if 0 < endless < len(fine):
        said += f" (the median: in {endless} of {len(fine)} seeds it {_ENDLESS[form]})"
    if form != "constant" and len(fine) < FEWEST:
        said = f"{NONE} by one or two seeds; what fits best: {said}"
    if len(fine) < seeds:
        said += f"; {seeds - len(fine)} of {seeds} seeds could not be fitted"
    return {
        "form": form, "number": named, "unit": unit, "value": value, "low": low, "high": high, "n": len(fine), "seeds": seeds,
        "steps": len(time), "bic": gain, "fits": fits, "off": off, "verdict": said,
    }  # fmt: skip


def _shown(curves: np.ndarray, time: np.ndarray, key: int) -> tuple[str, float]:
    """The form of the geometric mean and how much smaller its BIC is; no growth where the slopes of the seeds show none."""
    interval = mean_interval(_slopes(np.log(curves), time), key=key)
    form, gain = choose(time, np.exp(np.log(curves).mean(axis=0)))
    if not interval.known or interval.low > 0 or (interval.high < 0 and form == "exponential"):
        return form, gain
    return "constant", 0.0


def _slopes(logs: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Fisher's z of the correlation of each curve with the step: finite on a straight line, 0 where nothing changes."""
    ahead, centred = time - time.mean(), logs - logs.mean(axis=1, keepdims=True)
    size = np.sqrt((ahead @ ahead) * (centred**2).sum(axis=1))
    alike = np.divide(centred @ ahead, size, out=np.zeros(len(logs)), where=size > 0)
    z: np.ndarray = np.arctanh(np.clip(alike, -STRAIGHT, STRAIGHT))
    return z


def _median(per_seed: np.ndarray) -> Interval:
    """The median of numbers some of which have no end, between two of them in order (Conover 1999, section 3.2).

    Of two in the middle the smaller one where the larger has no end: infinite only if most are.
    """
    n, ordered = len(per_seed), np.sort(per_seed)
    below = int(np.searchsorted(bdtr(np.arange(n + 1), n, 0.5), (1 - CONFIDENCE) / 2))  # of n coins, so many at least are heads
    low, high = (ordered[below - 1], ordered[n - below]) if below else (np.nan, np.nan)
    middle = ordered[(n - 1) // 2] if n % 2 or np.isinf(ordered[n // 2]) else np.sqrt(ordered[n // 2 - 1] * ordered[n // 2])
    return Interval(mean=float(middle), low=float(low), high=float(high), n=n)
