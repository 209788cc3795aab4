"""How far would outputs have to be carried, to be as in training?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.metrics import Observed
from freerun.metrics._training import DIRECTIONS, FEW, WholeBesideTraining, sliced, unit


@dataclass(kw_only=True)
class OutputSliced(WholeBesideTraining):
    """Sliced Wasserstein distance of outputs between training and this mode, of whole sequences, less its floor."""

    part: ClassVar[str] = "outputs"

    def unit(self, observed: Observed) -> str:
        return f"{unit(observed, self.part)}, {DIRECTIONS} directions, less the mean of {FEW} swapped samples"

    def of(self, observed: Observed) -> float:
        return sliced(observed, self.part)
