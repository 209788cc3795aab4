"""Curve fits of an error against the lead time: the form with the smallest BIC.

Four ways for an error e to grow with the lead time t, each with a level a and the numbers beside it:

    linear         e(t) = a + b t                          errors add up: "incremental distortion" at a constant rate b
    exponential    e(t) = a exp(g t)                       errors feed on themselves, at a rate g: what a chaotic world does
    saturating     e(t) = a (1 - exp(-t / s))              errors stop growing, after s steps, at a
    logistic       e(t) = a / (1 + exp(-g (t - t0)))       exponential at a rate g up to about t0, then saturated at a

and `constant`, e(t) = a, which is no growth at all. All are fitted to logarithms of the error, which are as uncertain at the
first step as at the last, by least squares; the one with the smallest BIC is chosen,

    BIC = T ln(RSS / T) + k ln T .
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize, minimize_scalar

#: How many numbers a form has, its level among them.
FORMS = {"constant": 1, "linear": 2, "exponential": 2, "saturating": 2, "logistic": 3}
#: The number by which a form is known, and its unit.
NUMBERS = {
    "constant": ("", ""), "linear": ("b / a", "1/step"), "exponential": ("g", "1/step"), "saturating": ("s", "steps"),
    "logistic": ("g", "1/step"),
}  # fmt: skip
#: How much smaller the BIC of a form with growth must be than the constant's (10: "very strong", Kass & Raftery 1995, 3.2).
STRONG = 10.0
#: Beyond so many times the error at the release in the first step, or so many times what was measured until it saturates, a
#: curve is one in proportion to the step: its number is not to be told from an infinite one.
ENDLESS = 100.0
Shape = Callable[[np.ndarray], np.ndarray]


def choose(time: np.ndarray, errors: np.ndarray) -> tuple[str, float]:
    """The form of one curve and how much smaller its BIC is than the constant's.

    Args:
        time: T lead times, in steps.
        errors: T positive errors.
    """
    logs = np.log(errors)
    bics = {form: _bic(_left(_shape(form, _numbers(form, time, logs), time), logs), count) for form, count in FORMS.items()}
    best = min(list(FORMS)[1:], key=lambda form: bics[form])
    gain = bics["constant"] - bics[best]
    return (best, gain) if gain > STRONG and _rises(best, time, errors) else ("constant", 0.0)


def number(form: str, time: np.ndarray, errors: np.ndarray) -> float:
    """The number of a form on one curve: b / a, g or s; NaN for a constant, infinite where it cannot be told from that."""
    if form == "constant":
        return float("nan")
    value = float(_numbers(form, time, np.log(errors))[0])
    endless = {"linear": ENDLESS / time[0], "saturating": ENDLESS * time[-1]}
    return float("inf") if value >= endless.get(form, np.inf) else value


def fitted(form: str, time: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The curve of a form fitted to some errors, at the same lead times."""
    logs = np.log(errors)
    shape = _shape(form, _numbers(form, time, logs), time)
    curve: np.ndarray = np.exp(shape + (logs - shape).mean())
    return curve


def _shape(form: str, numbers: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Ln e(t) but for ln a; the last axis is time."""
    if form == "constant":
        return np.zeros(len(time))
    first = numbers[..., 0, None]
    if form == "linear":
        shape: np.ndarray = np.log1p(first * time)
    elif form == "exponential":
        shape = first * time
    elif form == "saturating":
        shape = np.log(-np.expm1(-time / first))
    else:
        shape = -np.logaddexp(0, -first * (time - numbers[..., 1, None]))
    return shape


def _left(shape: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """What a shape leaves of the logarithms at its best level."""
    left = logs - shape
    residuals: np.ndarray = left - left.mean(axis=-1, keepdims=True)
    return residuals


def _numbers(form: str, time: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """The numbers of a form, but for its level, that leave the smallest residuals."""
    if form == "constant":
        return np.zeros(1)
    if form == "exponential":
        return np.polyfit(time, logs, 1)[:1]
    if form == "logistic":
        return _logistic(time, logs)
    grid = np.linspace(np.log(1e-4 / time[-1]), np.log(1e4 * time[-1]), 200)
    near = int(np.argmin(np.var(_left(_shape(form, np.exp(grid)[:, None], time), logs), axis=1)))
    around = grid[max(0, near - 1)], grid[min(len(grid) - 1, near + 1)]
    fit = minimize_scalar(
        lambda value: np.var(_left(_shape(form, np.exp([value]), time), logs)), bounds=around, method="bounded"
    )
    return np.exp([fit.x])


def _logistic(time: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """The rate and the middle: the best of a grid, then downhill; the middle lies within what was measured."""
    rates, middles = np.geomspace(1 / time[-1], 3.0, 16), np.linspace(0, time[-1], 17)
    grid = np.stack([axis.ravel() for axis in np.meshgrid(rates, middles)], axis=1)
    start = grid[int(np.argmin(np.var(_left(_shape("logistic", grid, time), logs), axis=1)))]

    def rest(numbers: np.ndarray) -> float:
        return float(np.var(_left(_shape("logistic", np.array([np.exp(numbers[0]), numbers[1]]), time), logs)))

    bounds = [(np.log(rates[0]), np.log(rates[-1])), (0.0, time[-1])]
    options = {"maxiter": 100, "xatol": 1e-3, "fatol": 1e-8}
    fit = minimize(rest, [np.log(start[0]), start[1]], method="Nelder-Mead", bounds=bounds, options=options)
    return np.array([np.exp(fit.x[0]), fit.x[1]])


def _bic(residuals: np.ndarray, numbers: int) -> float:
    count = len(residuals)
    return float(count * np.log(max(np.mean(residuals**2), 1e-24)) + numbers * np.log(count))


def _rises(form: str, time: np.ndarray, errors: np.ndarray) -> bool:
    """A line that never rises, and a saturation before the first step, are constants; an exponential may shrink."""
    if form == "linear":
        return bool(number(form, time, errors) * time[-1] > 1e-2)
    return form != "saturating" or bool(number(form, time, errors) > 0.2 * time[0])
