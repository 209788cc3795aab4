"""Sunspots, year by year since 1700: 309 measured numbers.

The yearly mean sunspot number 1700-2008 of the World Data Center for the Sunspot Index, Brussels, as statsmodels ships it
(public domain): a cycle of about 11 years whose height nobody can foretell; the oldest benchmark of forecasting (Yule 1927).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

import numpy as np

from freerun.parts.settings import LATER
from freerun.parts.tasks._packaged_data import shipped
from freerun.parts.tasks._recordings import Recording


@dataclass(kw_only=True)
class Sunspots(Recording):
    """The yearly sunspot number, 1700 to 2008; needs the extra `data`.

    Attributes:
        train, validation: shares of the series, in time order; the rest is the test part.
        predict: `value`: the output is the next value; `increment`: the output is added to the value that was fed.
        test_shares: the test part is cut into so many stretches, and a run is tested on that numbered seed mod `test_shares`;
            1: all seeds have the whole part.
        season: years of a cycle, for the seasonal baseline; 0 for none.
    """

    default_warmup: ClassVar[int] = 11
    default_horizon: ClassVar[int | None] = 33

    train: float = 0.6
    validation: float = 0.2
    length: int = 44
    season: int | None = field(default=11, metadata=LATER)

    def values(self) -> tuple[np.ndarray, tuple[str, ...]]:
        return _numbers(), ("sunspots",)

    def origin(self) -> str:
        return "task=sunspots"


@cache
def _numbers() -> np.ndarray:
    """Return the yearly numbers ``[309 1]``."""
    path = shipped("sunspots", "statsmodels", "statsmodels", "datasets/sunspots/sunspots.csv")
    return np.loadtxt(path, delimiter=",", skiprows=1, usecols=[1], ndmin=2)
