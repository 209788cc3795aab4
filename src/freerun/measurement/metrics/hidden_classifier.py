"""Can a network tell hidden states in this mode from training?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._distances import Classifier


@dataclass(kw_only=True)
class HiddenClassifier(Classifier):
    """Held-out accuracy of a `sequence_to_one` model that tells this mode from training by hidden states; 1/2 is chance."""

    part: ClassVar[str] = "hidden"
