"""Adding problem: the sum of two marked numbers that stand far apart.

Each step brings a number from U(0, 1) and a marker; two steps are marked, one in each half, and the target is the sum of the
two marked numbers (Hochreiter & Schmidhuber 1997, section 5.4; in the form of Le, Jaitly & Hinton 2015). Always answering 1
scores a mean squared error of 1/6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.parts.tasks import SPLITS, Data, Sequences, Task
from freerun.random_streams import stream


@dataclass(kw_only=True)
class Adding(Task):
    """Many-to-one: the sum of the two marked numbers of a sequence.

    Attributes:
        shortest: sequences have from so many steps up to `length`, every number equally likely, and are padded with zeros to
            the full length; null: all have the full length.
        sequences: number of training sequences; validation and test have a quarter as many each.
    """

    symbols: ClassVar[bool] = False
    emits: ClassVar[str] = "last"
    default_feedback: ClassVar[str] = "none"
    default_objective: ClassVar[str] = "squared_error"

    shortest: int | None = None
    sequences: int = 4096
    length: int = 30

    def __post_init__(self) -> None:
        require(self.sequences >= 4, "sequences", self.sequences, "be at least 4")
        require(self.length >= 2, "length", self.length, "be at least 2")
        fits = self.shortest is None or 2 <= self.shortest <= self.length
        require(fits, "shortest", self.shortest, f"lie between 2 and length ({self.length}), or be null")

    def build(self, seed: int, length: int) -> Data:
        counts = {"train": self.sequences, "validation": self.sequences // 4, "test": self.sequences // 4}
        splits = {name: self._sums(stream(seed, "data", k), length, counts[name]) for k, name in enumerate(SPLITS)}
        return Data(splits=splits, inputs=2, outputs=1)

    def _sums(self, chance: np.random.Generator, length: int, count: int) -> Sequences:
        numbers = chance.random((length, count))
        sizes = np.full(count, length)
        padded = self.shortest is not None and self.shortest < length
        if padded:
            sizes = chance.integers(given(self.shortest), length + 1, count)
        first, second = chance.integers(0, sizes // 2, count), chance.integers(sizes // 2, sizes, count)
        marks = np.zeros((length, count))
        columns = np.arange(count)
        marks[first, columns] = marks[second, columns] = 1
        total = (numbers[first, columns] + numbers[second, columns])[None, :, None]
        numbers[np.arange(length)[:, None] >= sizes] = 0
        return Sequences(
            targets=torch.from_numpy(total.astype(np.float32)),
            start=torch.zeros(count, 1),
            weights=torch.ones(1, count),
            inputs=torch.from_numpy(np.stack([numbers, marks], axis=-1).astype(np.float32)),
            ends=torch.from_numpy(sizes - 1) if padded else None,
        )
