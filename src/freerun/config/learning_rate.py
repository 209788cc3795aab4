"""Schedules of the learning rate over the updates."""

from __future__ import annotations

import math
from enum import Enum


class Decay(Enum):
    """How the learning rate moves over the updates."""

    constant = "constant"
    cosine = "cosine"


def factor(decay: Decay, update: int, updates: int) -> float:
    """Return the factor on the learning rate at an update, counted from 0, of so many updates."""
    if decay is Decay.constant:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * update / updates))
