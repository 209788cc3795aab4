"""Does the closed loop make single symbols as often as the truth has them?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Observed
from freerun.metrics._strings import OfStrings, one, variation


@dataclass(kw_only=True)
class Unigrams(OfStrings):
    """Total variation between the shares of single symbols; see its floor, `unigrams_floor`."""

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return one(variation(observed, 1).value)
