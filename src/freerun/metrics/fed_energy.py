"""How far has what is fed moved away from training, step by step?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.lazy import torch
from freerun.measures.two_sample import energy
from freerun.metrics import Observed
from freerun.metrics._training import BesideTraining, unit


@dataclass(kw_only=True)
class FedEnergy(BesideTraining):
    """Energy distance of what is fed between training and this mode; 0 in mean where nothing differs, at times below."""

    part: ClassVar[str] = "fed"

    def unit(self, observed: Observed) -> str:
        return unit(observed, self.part)

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return energy(*self.at_steps(observed))
