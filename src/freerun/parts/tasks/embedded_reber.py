"""Embedded Reber grammar: the first choice must be remembered to the end.

A string begins with B and then T or P; a complete Reber string follows; then the *same* T or P must come again, then E
(Reber 1967; Hochreiter & Schmidhuber 1997, section 5.1, where it is the first benchmark of the LSTM). Each branch has
probability 1/2, so the true next-symbol distribution of any admissible prefix is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from freerun.parts.tasks._reber import LETTERS, REBER, ReberGrammar


@dataclass(kw_only=True)
class EmbeddedReber(ReberGrammar):
    """Strings of the embedded Reber grammar: the first choice, T or P, must be remembered to the end.

    Attributes:
        sequences: number of training strings; validation and test have half as many each. Every string is a draw of its own
            and belongs to one split; as short strings are frequent, the same string can be drawn in several (with the
            defaults about nine tenths of the test strings also occur in training), so this task shows hardly any
            generalization gap. Keeping equal strings apart would change the source, and with it the oracle. Strings longer
            than the window are cut, never rejected, for the same reason.
    """

    default_warmup: ClassVar[int] = 2

    sequences: int = 2048
    length: int = 25

    def graph(self) -> np.ndarray:
        inner = len(REBER) + 1
        size = 1 + 2 * inner + 2
        table = np.full((size, len(LETTERS)), -1, dtype=np.int64)
        before_end, end = size - 2, size - 1
        for branch, choice in enumerate("TP"):
            offset = 1 + branch * inner
            table[0, LETTERS.index(choice)] = offset
            for state, moves in REBER.items():
                for letter, following in moves.items():
                    table[offset + state, LETTERS.index(letter)] = offset + following
            table[offset + inner - 1, LETTERS.index(choice)] = before_end
        table[before_end, LETTERS.index("E")] = end
        return table
