"""How different would the shares of pairs of successive symbols be for a perfect model, in samples of this size?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Observed
from freerun.metrics._strings import OfStrings, one, variation


@dataclass(kw_only=True)
class BigramsFloor(OfStrings):
    """The mean of `bigrams` over samples in which strings changed places with the true ones."""

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return one(variation(observed, 2).floor)
