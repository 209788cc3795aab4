"""Feeding by a mask, with noise on what the model feeds itself."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.feeders import Batch, Feed, Feeder, Masking, Memory
from freerun.parts.feeders.masked import masks


@runtime_checkable
class Disturbing(Masking, Protocol):
    """A regime that disturbs what is fed back."""

    def disturbance(
        self, normals: Float[torch.Tensor, "T B F"], uniforms: Float[torch.Tensor, "T B"]
    ) -> Float[torch.Tensor, "T B F"]:
        """Return what is added to each value that the model feeds itself.

        Args:
            normals: standard normal draws of the stream `own_noise`.
            uniforms: a draw on [0, 1) for each step of each sequence, of the stream `own_noise_level`.
        """


@dataclass(frozen=True)
class Disturbed(Feeder):
    """Truth and own output as the regime's mask says, the own output with noise; runs of any noise train together."""

    looped: ClassVar[bool] = True

    regime: Disturbing

    @property
    def key(self) -> Hashable:
        return Disturbed

    def feed(self, batch: Batch, memory: Memory) -> Feed:
        normals = batch.normals("own_noise", batch.steps, batch.count, batch.truth.shape[-1])
        levels = batch.draws("own_noise_level", batch.steps, batch.count)
        runs = enumerate(batch.feeders(Disturbed))
        noise = torch.stack([feeder.regime.disturbance(normals[:, r], levels[:, r]) for r, feeder in runs], 1)
        return Feed(mask=masks(batch), noise=noise)
