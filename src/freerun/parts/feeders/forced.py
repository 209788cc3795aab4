"""Feeding the truth at every step, by the fast path; for some runs a blurred truth."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feeders import Batch, Feed, Feeder, Masking, Memory


@dataclass(frozen=True)
class Forced(Feeder):
    """The truth at every step; runs that are always forced train together, whether the truth is blurred or not."""

    forced: ClassVar[bool] = True
    looped: ClassVar[bool] = True

    @property
    def key(self) -> Hashable:
        return Forced

    def feed(self, batch: Batch, memory: Memory) -> Feed:
        blurs = [feeder.seen(batch, r) for r, feeder in enumerate(batch.feeders(Forced))]
        if all(truths is None for truths in blurs):
            return Feed()
        truths = [batch.truth[:, r] if blurred is None else blurred for r, blurred in enumerate(blurs)]
        return Feed(truth=torch.stack(truths, 1))

    def seen(self, batch: Batch, r: int) -> Float[torch.Tensor, "T B F"] | None:
        """Return the truth as it is fed to one run of the batch; None for the truth itself."""
        return None


@runtime_checkable
class Blurring(Masking, Protocol):
    """A regime that blurs the truth."""

    def blur(
        self, truth: Float[torch.Tensor, "T B F"], noise: Float[torch.Tensor, "T B N"], symbols: bool
    ) -> Float[torch.Tensor, "T B F"]:
        """Return the truth as it is fed.

        Args:
            truth: values, or symbols as unit vectors.
            noise: for values N = F standard normal draws, for symbols N = 2 uniform draws on [0, 1).
        """


@dataclass(frozen=True)
class Blurred(Forced):
    """A blurred truth at every step."""

    regime: Blurring

    def seen(self, batch: Batch, r: int) -> Float[torch.Tensor, "T B F"] | None:
        truth = batch.truth
        draw, width = (batch.draws, 2) if batch.symbols else (batch.normals, truth.shape[-1])
        noise = draw("noise", batch.steps, batch.count, width)
        return self.regime.blur(truth[:, r], noise[:, r], batch.symbols)
