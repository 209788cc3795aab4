"""The adding problem: can one summary hold two numbers that stand far apart?

Each step brings a number from U(0, 1) and a marker; two steps are marked, one in each half, and the target is the sum of the
two marked numbers (Hochreiter & Schmidhuber 1997, section 5.4; in the form of Le, Jaitly & Hinton 2015). Always answering 1
scores a mean squared error of 1/6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.errors import require
from freerun.lazy import torch
from freerun.streams import stream
from freerun.tasks import SPLITS, Data, Sequences, Task


@dataclass(kw_only=True)
class Adding(Task):
    """Many-to-one: the sum of the two marked numbers of a sequence.

    Attributes:
        sequences: number of training sequences; validation and test have a quarter as many each.
    """

    symbols: ClassVar[bool] = False
    emits: ClassVar[str] = "last"
    default_feedback: ClassVar[str] = "none"
    default_objective: ClassVar[str] = "squared_error"

    sequences: int = 4096
    length: int = 30

    def __post_init__(self) -> None:
        require(self.sequences >= 4, "sequences", self.sequences, "be at least 4")
        require(self.length >= 2, "length", self.length, "be at least 2")

    def build(self, seed: int, length: int) -> Data:
        counts = {"train": self.sequences, "validation": self.sequences // 4, "test": self.sequences // 4}
        splits = {name: _sums(stream(seed, "data", k), length, counts[name]) for k, name in enumerate(SPLITS)}
        return Data(splits=splits, inputs=2, outputs=1)


def _sums(chance: np.random.Generator, length: int, count: int) -> Sequences:
    numbers = chance.random((length, count))
    half = length // 2
    first, second = chance.integers(0, half, count), chance.integers(half, length, count)
    marks = np.zeros((length, count))
    columns = np.arange(count)
    marks[first, columns] = marks[second, columns] = 1
    total = (numbers[first, columns] + numbers[second, columns])[None, :, None]
    return Sequences(
        targets=torch.from_numpy(total.astype(np.float32)),
        start=torch.zeros(count, 1),
        weights=torch.ones(1, count),
        inputs=torch.from_numpy(np.stack([numbers, marks], axis=-1).astype(np.float32)),
    )
