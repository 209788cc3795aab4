"""Estimate of the largest Lyapunov exponent of a recording, from how fast its near neighbours part.

    d(k) = < ln | s(i + k) - s(j(i) + k) | >_i

with j(i) the nearest neighbour of i in delay coordinates that is not near in time; the slope of d between its first rise and
half of the way to the size of the attractor is the exponent (Rosenstein, Collins & De Luca 1993, Physica D 65, 117). It is an
estimate: a short or noisy recording gives a rough one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch

#: Points that neighbours are sought among, and of how many of them; coordinates of a point; steps that pairs are followed.
AMONG, FOLLOWED, COORDINATES, STEPS = 20_000, 1_000, 7, 400
#: The fewest points, and the shares of the way to saturation between which the slope is taken.
LEAST, FROM, TO = 500, 0.1, 0.5


def lyapunov_steps(pieces: list[Float[np.ndarray, "_ Y"]]) -> float | None:
    """Return the Lyapunov time of a recording in steps, to two digits; None if neighbours do not part as in a chaotic system.

    Args:
        pieces: stretches without a gap, of which the longest is looked at.
    """
    series = max(pieces, key=len)[:AMONG]
    width = series.std(0)
    if not (width > 0).all() or len(series) < LEAST:
        return None
    series = (series - series.mean(0)) / width
    lag = _lag(series)
    count = COORDINATES if series.shape[1] == 1 else 3 if series.shape[1] == 2 else 1
    apart = _mean_period(series)
    follow = min(STEPS, len(series) // 5, 10 * apart)
    growth = _growth(series, lag, count, apart, follow)
    return None if growth is None else _time(growth)


def _lag(series: np.ndarray) -> int:
    """Return where the autocorrelation of the first coordinate has fallen to 1 - 1/e."""
    x = series[:, 0]
    for lag in range(1, len(x) // 10):
        if float((x[:-lag] * x[lag:]).mean()) < 1 - 1 / np.e:
            return lag
    return len(x) // 10


def _mean_period(series: np.ndarray) -> int:
    """Return the mean time between two upward crossings of the mean: nearer in time neighbours are no neighbours."""
    crossings = int(((series[:-1, 0] < 0) & (series[1:, 0] >= 0)).sum())
    return max(2, min(len(series) // max(1, crossings), len(series) // 10))


def _growth(series: np.ndarray, lag: int, count: int, apart: int, follow: int) -> Float[np.ndarray, " K"] | None:
    """Return the mean logarithm of the distance of neighbours after 0, 1, ... steps."""
    points = len(series) - (count - 1) * lag - follow
    if points < LEAST // 2:
        return None
    embedded = np.concatenate([series[k * lag : k * lag + points] for k in range(count)], 1)
    chosen = np.unique(np.linspace(0, points - 1, FOLLOWED).round().astype(int))
    size, pairs = (embedded**2).sum(1), []
    for i in chosen.tolist():
        distance = size - 2 * embedded @ embedded[i] + size[i]
        distance[max(0, i - apart) : i + apart + 1] = np.inf
        j = int(distance.argmin())
        if np.isfinite(distance[j]) and distance[j] > 1e-18:
            pairs.append((i, j))
    if len(pairs) < LEAST // 10:
        return None
    first, second = np.array(pairs).T
    reach = (count - 1) * lag
    steps = np.arange(follow)
    off = [np.square(series[first + reach + k] - series[second + reach + k]).sum(1) for k in steps.tolist()]
    logs: np.ndarray = logarithm(torch.from_numpy(np.stack(off).clip(1e-24))).numpy() / 2
    return np.asarray(logs.mean(1))


def _time(growth: np.ndarray) -> float | None:
    low, high = growth[0], float(np.median(growth[-max(3, len(growth) // 4) :]))
    if not high - low > 1:  # neighbours that part by less than e
        return None
    reached = growth >= low + TO * (high - low)
    end = int(reached.argmax()) if reached.any() else len(growth)
    start = min(int((growth >= low + FROM * (high - low)).argmax()), max(0, end - 3))
    if end - start < 3:
        return None
    rate = float(np.polyfit(np.arange(start, end), growth[start:end], 1)[0])
    return float(f"{1 / rate:.2g}") if rate > 0 else None
