"""Feeding by a mask, in the loop: each step by the share of truth that the regime gives it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feeders import Batch, Feed, Feeder, Kept, Masking, Memory, Number, Sizes

#: The coin of an epoch in the memory.
COIN = "coin"


@dataclass(frozen=True)
class Masked(Feeder):
    """Truth and own output as the regime's mask says; runs of any masks train together.

    Attributes:
        blending: whether the mask lies between 0 and 1.
    """

    looped: ClassVar[bool] = True

    blending: bool = False

    @property
    def blends(self) -> bool:
        return self.blending

    @property
    def key(self) -> Hashable:
        return Masked

    def feed(self, batch: Batch, memory: Memory) -> Feed:
        return Feed(mask=masks(batch))


@dataclass(frozen=True)
class MaskedByEpoch(Feeder):
    """A mask of one coin per epoch, drawn at its first update; runs with equally long epochs train together.

    Attributes:
        every: updates of an epoch.
    """

    looped: ClassVar[bool] = True

    every: int

    @property
    def key(self) -> Hashable:
        return MaskedByEpoch, self.every

    def kept(self, update: int, sizes: Sizes) -> Kept:
        return Kept(numbers={COIN: Number(start=0.0, least=0.0, most=1.0)})

    def remember(self, batch: Batch, memory: Memory) -> Memory:
        if batch.update % self.every:
            return memory
        return Memory(numbers={COIN: batch.draws("coins", batch.steps, batch.count)[0, :, 0].tolist()})

    def feed(self, batch: Batch, memory: Memory) -> Feed:
        coins = batch.truth.new_tensor(memory.numbers[COIN])[None, :, None].expand(batch.truth.shape[:3])
        return Feed(mask=_masks(batch, coins))


def masks(batch: Batch) -> Float[torch.Tensor, "T R B"]:
    """Return the mask of every run, by the stream of coins, which is drawn where a mask depends on it.

    Raises:
        ValueError: if a regime's mask has not the shape and type of its coins.
    """
    if any(feeder.regime.tosses for feeder in batch.runs):
        return _masks(batch, batch.draws("coins", batch.steps, batch.count))
    return _masks(batch, batch.truth.new_zeros(batch.steps, 1, batch.count).expand(-1, len(batch.runs), -1))


def _masks(batch: Batch, coins: Float[torch.Tensor, "T R B"]) -> Float[torch.Tensor, "T R B"]:
    regimes = [feeder.regime for feeder in batch.runs]
    if not regimes[0].tosses and all(regime == regimes[0] for regime in regimes):
        return _mask(regimes[0], coins[:, 0], batch)[:, None].expand(-1, len(regimes), -1)
    return torch.stack([_mask(regime, coins[:, r], batch) for r, regime in enumerate(regimes)], 1)


def _mask(regime: Masking, coins: Float[torch.Tensor, "T B"], batch: Batch) -> Float[torch.Tensor, "T B"]:
    mask = regime.mask(coins, batch.update, batch.updates)
    if mask.shape != coins.shape or mask.dtype != coins.dtype:
        raise ValueError(
            f"the mask of {type(regime).__name__} is {mask.dtype} {tuple(mask.shape)}; "
            f"it must be {coins.dtype} {tuple(coins.shape)}"
        )
    return mask
