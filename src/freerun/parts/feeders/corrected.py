"""Feeding by a mask, with the hidden state moved by a share of the error of its output."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from freerun.parts.feeders import Batch, Feed, Feeder, Masking, Memory
from freerun.parts.feeders.masked import masks


@runtime_checkable
class Correcting(Masking, Protocol):
    """A regime that corrects hidden states."""

    strength: float


@dataclass(frozen=True)
class Corrected(Feeder):
    """Truth and own output as the regime's mask says, states corrected; runs of any strength train together."""

    looped: ClassVar[bool] = True
    corrects: ClassVar[bool] = True

    regime: Correcting

    @property
    def key(self) -> Hashable:
        return Corrected

    def feed(self, batch: Batch, memory: Memory) -> Feed:
        strengths = batch.truth.new_tensor([feeder.regime.strength for feeder in batch.feeders(Corrected)])
        return Feed(mask=masks(batch), pull=strengths[None, :, None].expand(batch.truth.shape[:3]))
