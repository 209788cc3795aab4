"""Could chance alone have moved what is fed so far from training?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._distances import KernelChance


@dataclass(kw_only=True)
class FedMMDP(KernelChance):
    """The p-value of `fed_mmd`: the share of samples swapped at random that are as far apart."""

    part: ClassVar[str] = "fed"
