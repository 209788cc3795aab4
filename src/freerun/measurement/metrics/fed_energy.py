"""How far has what is fed moved away from training, step by step?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._distances import Energy


@dataclass(kw_only=True)
class FedEnergy(Energy):
    """Energy distance of what is fed between training and this mode; 0 in mean where nothing differs, at times below."""

    part: ClassVar[str] = "fed"
