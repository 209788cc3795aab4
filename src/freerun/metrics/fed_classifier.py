"""Can a network tell what is fed in this mode from training?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.metrics import Observed
from freerun.metrics._training import WholeBesideTraining, accuracy, chance


@dataclass(kw_only=True)
class FedClassifier(WholeBesideTraining):
    """Held-out accuracy of a `sequence_to_one` model that tells this mode from training by what is fed; 1/2 is chance."""

    part: ClassVar[str] = "fed"

    def unit(self, observed: Observed) -> str:
        return chance(observed)

    def of(self, observed: Observed) -> float:
        return accuracy(observed, self.part)
