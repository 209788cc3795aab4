"""How far have the outputs moved away from training, all in all?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.metrics import Observed
from freerun.metrics._training import STEPS, WholeBesideTraining, kernel_test


@dataclass(kw_only=True)
class OutputMMD(WholeBesideTraining):
    """MMD^2 of outputs between training and this mode, whole sequences; 0 in mean where nothing differs."""

    part: ClassVar[str] = "outputs"

    def unit(self, observed: Observed) -> str:
        return f"MMD^2, kernel of the median distance, {STEPS} steps"

    def of(self, observed: Observed) -> float:
        return kernel_test(observed, self.part).value
