"""Handwritten digits as sequences of pixels.

The 1,797 images of 8 x 8 pixels with 17 grey levels that scikit-learn ships (UCI "Optical Recognition of Handwritten Digits",
Alpaydin & Kaynak 1998, CC BY 4.0), read row by row from the top left. They stand in the order of their writers, and are split
in that order: the first 60 % train, the next 20 % validate, the last 20 % test, so that other hands wrote what is tested.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.parts.tasks import SPLITS, Data, Sequences, Task
from freerun.parts.tasks._packaged_data import shipped
from freerun.parts.tasks._windows import bounds

PIXELS, GREYS = 64, 17


@dataclass(kw_only=True)
class Digits(Task):
    """Images of digits, 64 pixels in a row, one of 17 grey levels each; needs the extra `data`.

    Attributes:
        length: pixels that training sees, from the first on; 0 for all 64.
    """

    default_warmup: ClassVar[int] = 16

    length: int = 0

    def __post_init__(self) -> None:
        require(0 <= self.length <= PIXELS, "length", self.length, f"lie in [0, {PIXELS}] (0: the whole image)")
        self.length = self.length or PIXELS

    def check(self, length: int) -> None:
        _images()
        if length > PIXELS:
            raise ConfigError(
                f"task=digits: an image has {PIXELS} pixels; evaluation.warmup + evaluation.horizon cannot be {length}"
            )

    def content(self) -> str:
        return hashlib.sha256(_images().tobytes()).hexdigest()

    def build(self, seed: int, length: int) -> Data:
        self.check(length)
        images, splits = torch.from_numpy(_images()), {}
        parts = bounds(len(images), 0.6, 0.2)
        for name in SPLITS:
            targets = images[slice(*parts[name]), :length].T.contiguous()
            start = torch.full((targets.shape[1],), -1, dtype=torch.int64)
            splits[name] = Sequences(targets=targets, start=start, weights=torch.ones(targets.shape))
        return Data(splits=splits, inputs=0, outputs=GREYS, fingerprint=self.content())


@cache
def _images() -> np.ndarray:
    """Return all images ``[1797 64]``, whole numbers from 0 to 16."""
    path = shipped("digits", "scikit-learn", "sklearn", "datasets/data/digits.csv.gz")
    return np.loadtxt(path, delimiter=",", usecols=range(PIXELS)).astype(np.int64)
