"""Reber grammars: the letters and the graph (Reber 1967), and how strings are drawn and shown."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from freerun.errors import require
from freerun.parts.tasks import Data, Task
from freerun.parts.tasks._automata import Automaton, shown

LETTERS = ("B", "T", "P", "S", "X", "V", "E")
#: The Reber graph (Reber 1967): state -> {letter: next state}; state 7 is its end. Every branch has probability 1/2.
REBER = {
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": 7},
}


@dataclass(kw_only=True)
class ReberGrammar(Task):
    """Strings of a grammar from the B that is fed to its only end; branches are equally likely."""

    sequences: int
    length: int

    def __post_init__(self) -> None:
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")

    @abstractmethod
    def graph(self) -> Int[np.ndarray, "S K"]:
        """Return the automaton as a table ``[state, letter] -> next state``, -1 where the letter is not admissible.

        State 0 follows the B that is fed; the last state is the end, from which nothing leads on.
        """

    def build(self, seed: int, length: int) -> Data:
        table = self.graph()
        possible = table >= 0
        automaton = Automaton(table=table, probs=possible / possible.sum(1, keepdims=True).clip(min=1))
        return automaton.data(seed, length, self.sequences, first=LETTERS.index("B"), alphabet=LETTERS)

    def show(self, observed: Any) -> dict[str, Any] | None:
        """Ten generated strings, each with its verdict."""
        return shown(observed, first="B")
