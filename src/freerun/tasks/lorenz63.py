"""The Lorenz-63 flow: how far ahead does a model stay on a chaotic orbit?

    dx = sigma (y - x),  dy = x (rho - z) - y,  dz = x y - beta z        (Lorenz 1963, eq. 25-27)

with sigma = 10, rho = 28, beta = 8/3, whose largest Lyapunov exponent is 0.9056 per time unit (Sprott 2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import numpy as np

from freerun.errors import require
from freerun.lazy import torch
from freerun.streams import stream
from freerun.tasks import SPLITS, Data, Sequences, Task

EXPONENT = 0.9056
"""Largest Lyapunov exponent, per time unit."""


class Predict(Enum):
    """What the network's output stands for."""

    value = "value"
    increment = "increment"


@dataclass(kw_only=True)
class Lorenz63(Task):
    """The Lorenz-63 flow, all three coordinates observed, sampled every `dt` time units.

    Orbits start at random points, run for `transient` time units onto the attractor, and are cut off after one window; each
    orbit belongs to one split. Values are scaled to zero mean and unit variance of what training sees.

    Attributes:
        dt: time between samples, in time units; one Lyapunov time is 1.104 time units.
        substeps: Runge-Kutta steps of order four within one `dt`.
        predict: `value`: the output is the next state; `increment`: the output is added to the state that was fed.
        sequences: number of training orbits; validation and test have a quarter as many each.
    """

    symbols: ClassVar[bool] = False
    unit: ClassVar[str] = "attractor std"
    default_feedback: ClassVar[str] = "mean"
    default_objective: ClassVar[str] = "squared_error"
    default_warmup: ClassVar[int] = 10
    default_horizon: ClassVar[int | None] = 200

    dt: float = 0.02
    substeps: int = 5
    transient: float = 5.0
    predict: Predict = Predict.value
    sequences: int = 1024
    length: int = 40

    def __post_init__(self) -> None:
        require(0 < self.dt <= 0.2, "dt", self.dt, "lie in (0, 0.2]")
        require(self.substeps >= 1, "substeps", self.substeps, "be at least 1")
        require(self.dt / self.substeps <= 0.02, "substeps", self.substeps, "make dt / substeps at most 0.02")
        require(self.transient >= 0, "transient", self.transient, "not be negative")
        require(self.sequences >= 4, "sequences", self.sequences, "be at least 4")

    @property
    def increments(self) -> bool:
        return self.predict is Predict.increment

    def lyapunov_time(self) -> float:
        return 1 / (EXPONENT * self.dt)

    def build(self, seed: int, length: int) -> Data:
        counts = {"train": self.sequences, "validation": self.sequences // 4, "test": self.sequences // 4}
        orbits = self.orbits(stream(seed, "data").normal(size=(sum(counts.values()), 3)), length + 1)
        train = orbits[: self.length + 1, : self.sequences]
        mean, std = train.mean((0, 1)), train.std((0, 1))
        scaled = ((orbits - mean) / std).astype(np.float32)
        splits, offset = {}, 0
        for name in SPLITS:
            part = torch.from_numpy(scaled[:, offset : offset + counts[name]].copy())
            splits[name] = Sequences(targets=part[1:], start=part[0], weights=torch.ones(part[1:].shape[:2]))
            offset += counts[name]
        residual = None
        if self.increments:
            residual = torch.from_numpy(np.diff(scaled[: self.length + 1, : self.sequences], axis=0).std((0, 1)))
        return Data(
            splits=splits, inputs=0, outputs=3, residual=residual,
            mean=torch.from_numpy(mean.astype(np.float32)), std=torch.from_numpy(std.astype(np.float32)),
        )  # fmt: skip

    def orbits(self, noise: np.ndarray, length: int) -> np.ndarray:
        """Integrate one orbit for each row of `noise` (standard normal, ``[N 3]``); returns ``[length N 3]``, unscaled."""
        state = noise * np.array([8.0, 9.0, 8.5]) + np.array([0.0, 0.0, 23.5])
        step = self.dt / self.substeps
        for _ in range(round(self.transient / step)):
            state = _runge_kutta(state, step)
        out = np.empty((length, *state.shape))
        for t in range(length):
            out[t] = state
            for _ in range(self.substeps):
                state = _runge_kutta(state, step)
        return out

    def show(self, observed: Any) -> dict[str, Any]:
        """The true and the generated orbit of the first window, in the system's own units."""
        mean, std = observed.data.mean, observed.data.std
        true, made = (((v[:, 0] * std + mean).double()).tolist() for v in (observed.targets, observed.outputs))
        return {"kind": "orbit", "dt": self.dt, "warmup": observed.warmup, "true": true, "generated": made}


def _flow(s: np.ndarray) -> np.ndarray:
    x, y, z = s[:, 0], s[:, 1], s[:, 2]
    return np.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - (8.0 / 3.0) * z], axis=1)


def _runge_kutta(s: np.ndarray, h: float) -> np.ndarray:
    a = _flow(s)
    b = _flow(s + 0.5 * h * a)
    c = _flow(s + 0.5 * h * b)
    d = _flow(s + h * c)
    following: np.ndarray = s + (h / 6) * (a + 2 * b + 2 * c + d)
    return following
