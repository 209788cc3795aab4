"""Does the closed loop make triples of successive symbols as often as the truth has them?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Observed
from freerun.metrics._strings import OfStrings, one, variation


@dataclass(kw_only=True)
class Trigrams(OfStrings):
    """Total variation between the shares of triples of successive symbols; see its floor, `trigrams_floor`."""

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return one(variation(observed, 3).value)
