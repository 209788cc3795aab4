"""Feeding by a measured share: one share of truth for all steps of a run, adapted to how fast its errors grow."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from freerun.parts.feeders import Batch, Feed, Feeder, Kept, Masking, Memory, Number, Sizes

#: The share of truth in the memory: all of it in the beginning.
SHARE = "share"
#: Sequences along which growth is measured.
LOOKED_AT = 8


@runtime_checkable
class Adapting(Masking, Protocol):
    """A regime whose share of truth follows the growth of errors."""

    def adapted(self, share: float, growth: float) -> float:
        """Return the share of truth from now on; it begins at 1.

        Args:
            share: the share of truth so far.
            growth: the factor a step by which the closed loop stretches errors, the geometric mean over a window.
        """


@dataclass(frozen=True)
class Adaptive(Feeder):
    """Truth and own output mixed by a share that is measured while the run trains.

    Attributes:
        every: updates between two measurements.
    """

    looped: ClassVar[bool] = True

    regime: Adapting
    every: int

    @property
    def blends(self) -> bool:
        return True

    @property
    def key(self) -> Hashable:
        return Adaptive, self.every

    def kept(self, update: int, sizes: Sizes) -> Kept:
        return Kept(numbers={SHARE: Number(start=1.0, least=0.0, most=1.0)})

    def rolled(self, batch: int, update: int, updates: int) -> int:
        return batch + (0 if update % self.every else min(LOOKED_AT, batch))

    def remember(self, batch: Batch, memory: Memory) -> Memory:
        if batch.update % self.every:
            return memory
        measured = zip(batch.feeders(Adaptive), memory.numbers[SHARE], batch.growth(), strict=True)
        return Memory(numbers={SHARE: [feeder.regime.adapted(share, growth) for feeder, share, growth in measured]})

    def feed(self, batch: Batch, memory: Memory) -> Feed:
        shares = batch.truth.new_tensor(memory.numbers[SHARE])
        return Feed(mask=shares[None, :, None].expand(batch.truth.shape[:3]))

    def probability(self, update: int, updates: int, numbers: Mapping[str, float]) -> float:
        return numbers[SHARE]
