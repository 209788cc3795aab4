"""Are the strings of the closed loop as long as the true ones?"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Observed
from freerun.metrics._strings import OfStrings, has_ends, length_variation, one


@dataclass(kw_only=True)
class Lengths(OfStrings):
    """Total variation between the lengths of strings up to the end symbol; see its floor, `lengths_floor`."""

    def applies(self, observed: Observed) -> bool:
        return super().applies(observed) and has_ends(observed)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return one(length_variation(observed).value)
