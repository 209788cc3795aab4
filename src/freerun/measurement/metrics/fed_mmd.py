"""How far has what is fed moved away from training, all in all?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._distances import KernelValue


@dataclass(kw_only=True)
class FedMMD(KernelValue):
    """MMD^2 of what is fed between training and this mode, whole sequences; 0 in mean where nothing differs."""

    part: ClassVar[str] = "fed"
