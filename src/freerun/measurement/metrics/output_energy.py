"""How far have the outputs moved away from training, step by step?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._distances import Energy


@dataclass(kw_only=True)
class OutputEnergy(Energy):
    """Energy distance of outputs between training and this mode; 0 in mean where nothing differs, at times below."""

    part: ClassVar[str] = "outputs"
