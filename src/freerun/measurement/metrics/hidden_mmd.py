"""How far have the hidden states moved away from training, all in all?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._distances import KernelValue


@dataclass(kw_only=True)
class HiddenMMD(KernelValue):
    """MMD^2 of hidden states between training and this mode, whole sequences; 0 in mean where nothing differs."""

    part: ClassVar[str] = "hidden"
