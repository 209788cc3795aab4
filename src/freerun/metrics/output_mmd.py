"""How far have the outputs moved away from training, all in all?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.lazy import torch
from freerun.metrics import Observed
from freerun.metrics._training import STEPS, WholeBesideTraining, kernel_test


@dataclass(kw_only=True)
class OutputMMD(WholeBesideTraining):
    """MMD^2 of outputs between training and this mode, of whole sequences; 0 in mean, at times below, without a difference."""

    part: ClassVar[str] = "outputs"

    def unit(self, observed: Observed) -> str:
        return f"MMD^2, kernel of the median distance, {STEPS} steps"

    def between(self, x: Float[torch.Tensor, "S N D"], y: Float[torch.Tensor, "S N D"]) -> float:
        return kernel_test(x, y).value
