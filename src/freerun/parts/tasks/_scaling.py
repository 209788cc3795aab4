"""Units of real values: scaling of values and of their increments."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np


class Predict(Enum):
    """What the network's output stands for: the next value, or what is added to the value that was fed."""

    value = "value"
    increment = "increment"


def scaling(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation ``[Y]`` of what training sees, ``[T N Y]``."""
    return train.mean((0, 1)), train.std((0, 1))


def increments(train: np.ndarray) -> np.ndarray:
    """Standard deviation ``[Y]`` of the change over one step of the scaled training part, ``[T N Y]``."""
    spread: np.ndarray = np.diff(train, axis=0).std((0, 1))
    return spread


def orbit(observed: Any, dt: float, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the true and the generated values of the first window for figures, in the world's own units.

    Args:
        observed: the free rollout.
        dt: time of a step.
        names: of the coordinates, where they have names of their own.
    """
    mean, std = observed.data.mean, observed.data.std
    true, made = (((v[:, 0] * std + mean).double()).tolist() for v in (observed.targets, observed.outputs))
    named = {"names": list(names)} if names else {}
    return {"kind": "orbit", "dt": dt, "warmup": observed.warmup, "true": true, "generated": made, **named}
