"""Base class of measured series: cut by time, scaled by the training part alone."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from freerun.errors import ConfigError
from freerun.lazy import torch
from freerun.parts.tasks import Data, Task
from freerun.parts.tasks._values import Predict, increments, orbit, scaling
from freerun.parts.tasks._windows import bounds, check_shares, windows

RESERVE = 512


@dataclass(kw_only=True)
class Recording(Task):
    """A measured series. The first part trains, the next validates, the last tests; values are scaled to zero mean and unit
    variance of the training part.

    Attributes:
        train, validation: shares of the series, in time order; the rest is the test part.
        predict: `value`: the output is the next value; `increment`: the output is added to the value that was fed.
    """

    symbols: ClassVar[bool] = False
    unit: ClassVar[str] = "std of the training part"
    default_feedback: ClassVar[str] = "mean"
    default_objective: ClassVar[str] = "squared_error"

    train: float
    validation: float
    predict: Predict = Predict.value

    def __post_init__(self) -> None:
        check_shares(self.train, self.validation)

    @abstractmethod
    def values(self) -> tuple[Float[np.ndarray, "S Y"], tuple[str, ...]]:
        """Return the whole series, float64, and the names of its columns.

        Raises:
            ConfigError: if it cannot be read.
        """

    @abstractmethod
    def origin(self) -> str:
        """Return where the series comes from, for messages: a key and its value."""

    @property
    def increments(self) -> bool:
        return self.predict is Predict.increment

    def content(self) -> str:
        values, names = self.values()
        return hashlib.sha256(repr((names, values.shape)).encode() + values.tobytes()).hexdigest()

    def check(self, length: int) -> None:
        sizes = {name: b - a for name, (a, b) in bounds(len(self.values()[0]), self.train, self.validation).items()}
        shortest, most = min(sizes.values()), self.reserve(sizes["train"])
        if shortest <= length:
            raise ConfigError(
                f"{self.origin()}: the shortest split has {shortest} values; sequences of {length} steps need {length + 1} "
                "(see task.length, evaluation.horizon)"
            )
        if most < length:
            raise ConfigError(
                f"{self.origin()}: sequences of {length} steps; the training part of {sizes['train']} values has room for "
                f"{most}, a third of it (see task.train, task.length, evaluation.horizon)"
            )

    def reserve(self, size: int) -> int:
        """Return the longest window that a part of `size` values leaves room for; shorter horizons do not move windows."""
        return min(max(RESERVE, 2 * self.length), size // 3)

    def build(self, seed: int, length: int) -> Data:
        self.check(length)
        values, names = self.values()
        parts = bounds(len(values), self.train, self.validation)
        train = values[slice(*parts["train"]), None]
        mean, std = scaling(train)
        self._demand_change(std / np.abs(train).max((0, 1)).clip(min=1e-300), names, "is constant in the training part")
        scaled = ((values - mean) / std).astype(np.float32)
        residual = increments(scaled[slice(*parts["train"]), None]) if self.increments else None
        if residual is not None:
            self._demand_change(residual, names, "changes by the same amount at every step; choose task.predict=value")
        series = torch.from_numpy(scaled)
        return Data(
            windows=True,
            splits={name: windows(series[a:b], length, self.reserve(b - a)) for name, (a, b) in parts.items()},
            inputs=0,
            outputs=len(names),
            mean=torch.from_numpy(mean.astype(np.float32)),
            std=torch.from_numpy(std.astype(np.float32)),
            residual=None if residual is None else torch.from_numpy(residual),
            fingerprint=self.content(),
        )

    def _demand_change(self, spread: np.ndarray, names: tuple[str, ...], fault: str) -> None:
        for name, size in zip(names, spread, strict=True):
            if not size > 1e-6:  # float32 resolves 1e-7
                raise ConfigError(f"{self.origin()}: column {name[:30]!r} {fault}")

    def show(self, observed: Any) -> dict[str, Any]:
        """Return the true and the generated values of the first window, in their own units."""
        return orbit(observed, 1.0)
