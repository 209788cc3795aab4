"""Could chance alone have moved outputs so far from training?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._distances import KernelChance


@dataclass(kw_only=True)
class OutputMMDP(KernelChance):
    """The p-value of `output_mmd`: the share of samples swapped at random that are as far apart."""

    part: ClassVar[str] = "outputs"
