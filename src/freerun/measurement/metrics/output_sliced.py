"""How far would outputs have to be carried, to be as in training?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._distances import Sliced


@dataclass(kw_only=True)
class OutputSliced(Sliced):
    """Sliced Wasserstein distance of outputs between training and this mode, of whole sequences, less its floor."""

    part: ClassVar[str] = "outputs"
