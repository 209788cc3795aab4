"""Does the closed loop make pairs of successive symbols as often as the truth has them?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Observed
from freerun.metrics._strings import OfStrings, one, variation


@dataclass(kw_only=True)
class Bigrams(OfStrings):
    """Total variation between the shares of pairs of successive symbols; see its floor, `bigrams_floor`."""

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return one(variation(observed, 2).value)
