"""Reber grammar: strings from a small graph.

A string begins with B and walks the graph of Reber (1967, "Implicit learning of artificial grammars", fig. 1) to its E; each
branch has probability 1/2 (Cleeremans, Servan-Schreiber & McClelland 1989, the first prediction task on it). The next letter
depends on the last two alone, which makes it the control of `embedded_reber`, where the first choice has to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from freerun.parts.tasks._reber import LETTERS, REBER, ReberGrammar


@dataclass(kw_only=True)
class Reber(ReberGrammar):
    """Strings of the Reber grammar, each a walk through a small graph that ends with E.

    Attributes:
        sequences: number of training strings; validation and test have half as many each. Every string is a draw of its own:
            as short ones are frequent, the same string comes in several splits. Longer ones than the window are cut.
    """

    sequences: int = 2048
    length: int = 20

    def graph(self) -> np.ndarray:
        table = np.full((len(REBER), len(LETTERS)), -1, dtype=np.int64)
        for state, moves in REBER.items():
            for letter, following in moves.items():
                if state:
                    table[state - 1, LETTERS.index(letter)] = following - 1
        return table
