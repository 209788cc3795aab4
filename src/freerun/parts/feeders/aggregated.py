"""Feeding from aggregated data: the truth, and the rollouts of the weights of earlier stages, as data that is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Int

from freerun.deferred_imports import torch
from freerun.parts.feeders import Batch, Feed, Feeder, Kept, Masking, Memory, Sizes, after_warmup


@runtime_checkable
class Gathering(Masking, Protocol):
    """A regime that gathers data in stages."""

    def sets(self, update: int, updates: int) -> int:
        """Return how many sets of data there are at this update, the truth among them."""

    def dealt(self, batch: int, update: int, updates: int) -> Int[torch.Tensor, " B"]:
        """Return the data set that feeds each sequence of a batch: 0 for the truth, then the rollouts, oldest first."""


@dataclass(frozen=True)
class Aggregated(Feeder):
    """Each sequence is fed the truth, or the free rollout of the weights of an earlier stage, which carries no gradient.

    Attributes:
        rollouts: the most sets of rollouts that are gathered.
    """

    carries: ClassVar[bool] = False

    regime: Gathering
    rollouts: int

    def kept(self, update: int, sizes: Sizes) -> Kept:
        count = 0
        for past in range(update):
            count += count < self.regime.sets(past, sizes.updates) - 1
        return Kept(tensors={_stage(number): (sizes.weights,) for number in range(1, count + 1)})

    def remember(self, batch: Batch, memory: Memory) -> Memory:
        number = len(memory.tensors) + 1
        if number >= self.regime.sets(batch.update, batch.updates):
            return memory
        return Memory(tensors={**memory.tensors, _stage(number): batch.weights()})

    def rolled(self, batch: int, update: int, updates: int) -> int:
        return batch + int((self.regime.dealt(batch, update, updates) > 0).sum())

    def feed(self, batch: Batch, memory: Memory) -> Feed:
        truth = batch.truth
        dealt = self.regime.dealt(batch.count, batch.update, batch.updates).to(truth.device)
        free = truth.new_zeros(truth.shape[:3])
        mask = after_warmup(free, torch.ones_like(free), batch.warmup)
        fed = truth.clone()
        with torch.no_grad():
            for number in range(1, len(memory.tensors) + 1):
                chosen = (dealt == number).nonzero()[:, 0]
                if len(chosen):
                    _, fed[:, :, chosen] = batch.roll(mask=mask, weights=memory.tensors[_stage(number)], chosen=chosen)
        return Feed(truth=fed)


def _stage(number: int) -> str:
    """Return the name of the weights of a stage in the memory; the first is 1."""
    return f"stage.{number}"
