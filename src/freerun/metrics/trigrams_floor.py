"""How different would the shares of triples of successive symbols be for a perfect model, in samples of this size?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Observed
from freerun.metrics._strings import OfStrings, one, variation


@dataclass(kw_only=True)
class TrigramsFloor(OfStrings):
    """The mean of `trigrams` over samples in which strings changed places with the true ones."""

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return one(variation(observed, 3).floor)
