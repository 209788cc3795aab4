"""How far is the truth from what the model writes, in whole sequences?

KL(Q || P) of the first l symbols / l = 1/l sum_{t<=l} E_{prefix~Q} KL(Q(. | prefix) || P(. | prefix))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from freerun.measurement.metrics._accumulated import OfSequences


@dataclass(kw_only=True)
class SequenceKLReverse(OfSequences):
    """KL divergence from the model's to the true distribution of the first l symbols, a step.

    It is infinite, and so undefined, once the model can leave the source's support; `left_support` says with what probability.
    """

    reverse: ClassVar[bool] = True
