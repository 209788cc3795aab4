"""The Reber grammar: is the graph behind the strings learned?

A string begins with B and walks the graph of Reber (1967, "Implicit learning of artificial grammars", fig. 1) to its E; each
branch has probability 1/2 (Cleeremans, Servan-Schreiber & McClelland 1989, the first prediction task on it). The next letter
depends on the last two alone, which makes it the control of `embedded_reber`, where the first choice has to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from freerun.errors import require
from freerun.tasks import Data, Task
from freerun.tasks._automata import LETTERS, REBER, equal, shown


@dataclass(kw_only=True)
class Reber(Task):
    """Strings of the Reber grammar, each a walk through a small graph that ends with E.

    Attributes:
        sequences: number of training strings; validation and test have half as many each. Every string is a draw of its own:
            as short ones are frequent, the same string comes in several splits. Longer ones than the window are cut.
    """

    sequences: int = 2048
    length: int = 20

    def __post_init__(self) -> None:
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")

    def build(self, seed: int, length: int) -> Data:
        return equal(graph()).data(seed, length, self.sequences, first=LETTERS.index("B"), alphabet=LETTERS)

    def show(self, observed: Any) -> dict[str, Any] | None:
        """Ten generated strings, each with its verdict."""
        return shown(observed, first="B")


def graph() -> np.ndarray:
    """The automaton as a table ``[state, letter] -> next state``, -1 where the letter is not admissible.

    State 0 follows the B that is fed; the last state is the end.
    """
    table = np.full((len(REBER), len(LETTERS)), -1, dtype=np.int64)
    for state, moves in REBER.items():
        for letter, following in moves.items():
            if state:
                table[state - 1, LETTERS.index(letter)] = following - 1
    return table
