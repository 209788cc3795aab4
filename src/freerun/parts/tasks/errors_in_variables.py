"""Errors in variables: an autoregression observed with noise, whose best linear model is known for every horizon.

    x_t = phi x_{t-1} + e_t,   y_t = x_t + d_t,   Var(x) = s,   Var(d) = 1 - s

with Gaussian e and d. Teacher forcing regresses y_{t+1} on the noisy y_t and learns the attenuated slope s phi (Fuller 1987,
section 1.1). A linear model with one weight a that runs freely from y_0 over T steps predicts a^k y_0, and as
Cov(y_0, y_k) = s phi^k its expected squared error is sum_{k=1..T} (1 + a^(2k) - 2 s (a phi)^k), whose optimum moves towards phi
as T grows. With s = 1 both are phi: no exposure bias at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.tasks import SPLITS, Data, Sequences, Task
from freerun.random_streams import stream


@dataclass(kw_only=True)
class ErrorsInVariables(Task):
    """A first-order autoregression observed with noise, for which the best linear model of every horizon is known.

    The signal starts in its stationary state and y has variance 1 by construction: nothing is rescaled by the data. Every
    sequence starts at an observed y_0.

    Attributes:
        phi: how much of the signal is left after a step.
        signal: s, the share of the signal in the variance of what is observed.
        sequences: number of training sequences; validation and test have a quarter as many each.
    """

    symbols: ClassVar[bool] = False
    unit: ClassVar[str] = "std"
    default_feedback: ClassVar[str] = "mean"
    default_objective: ClassVar[str] = "squared_error"

    phi: float = 0.95
    signal: float = 0.8
    sequences: int = 4096
    length: int = 20

    def __post_init__(self) -> None:
        require(-1 < self.phi < 1, "phi", self.phi, "lie in (-1, 1)")
        require(0 < self.signal <= 1, "signal", self.signal, "lie in (0, 1]")
        require(self.sequences >= 4, "sequences", self.sequences, "be at least 4")

    def build(self, seed: int, length: int) -> Data:
        counts = {"train": self.sequences, "validation": self.sequences // 4, "test": self.sequences // 4}
        splits = {}
        for number, name in enumerate(SPLITS):
            values = torch.from_numpy(self._draw(stream(seed, "data", number), length + 1, counts[name]))
            splits[name] = Sequences(targets=values[1:], start=values[0], weights=torch.ones(length, counts[name]))
        return Data(splits=splits, inputs=0, outputs=1)

    def _draw(self, chance: np.random.Generator, length: int, count: int) -> np.ndarray:
        noise = chance.normal(size=(length, 2, count))  # step by step: a longer sequence begins the same
        drift, blur = np.sqrt(self.signal * (1 - self.phi**2)), np.sqrt(1 - self.signal)
        values = np.empty((length, count, 1), dtype=np.float32)
        hidden = np.sqrt(self.signal) * noise[0, 0]
        for t in range(length):
            if t:
                hidden = self.phi * hidden + drift * noise[t, 0]
            values[t, :, 0] = hidden + blur * noise[t, 1]
        return values
