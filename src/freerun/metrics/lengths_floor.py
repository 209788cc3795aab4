"""How different would the lengths of strings be for a perfect model, in samples of this size?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Observed
from freerun.metrics._strings import OfStrings, has_ends, length_variation, one


@dataclass(kw_only=True)
class LengthsFloor(OfStrings):
    """The mean of `lengths` over samples in which strings changed places with the true ones."""

    def applies(self, observed: Observed) -> bool:
        return super().applies(observed) and has_ends(observed)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return one(length_variation(observed).floor)
