"""How far have the outputs moved away from training, all in all?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._distances import KernelValue


@dataclass(kw_only=True)
class OutputMMD(KernelValue):
    """MMD^2 of outputs between training and this mode, whole sequences; 0 in mean where nothing differs."""

    part: ClassVar[str] = "outputs"
