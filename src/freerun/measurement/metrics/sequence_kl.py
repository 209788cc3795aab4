"""How far is the model from the truth in whole sequences?

KL(P || Q) of the first l symbols / l = 1/l sum_{t<=l} E_{prefix~P} KL(P(. | prefix) || Q(. | prefix))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._accumulated import OfSequences


@dataclass(kw_only=True)
class SequenceKL(OfSequences):
    """KL divergence from the true to the model's distribution of the first l symbols since the release, a step."""

    reverse: ClassVar[bool] = False
