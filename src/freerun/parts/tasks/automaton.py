"""Finite automaton of the user's own: its language and the probabilities of its strings.

An automaton is written as its transitions, FROM LETTER TO or FROM LETTER TO PROBABILITY:

    0 B 1, 1 T 2, 1 P 3 0.4, 2 E 4, 3 E 4

States and letters are words without spaces; transitions are separated by commas, bars or ends of lines, and a line that begins
with # is a comment. The first state named is the start. A state that nothing leads out of is an end: a string is over with the
letter that leads there. Transitions without a probability share equally what those with one leave of their state (above, T has
0.6). A letter may lead from a state to several; the exact next-letter distribution of any prefix then follows from the forward
recursion over the states that it can have led to. What a string may not leave open is whether it is over.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from freerun.errors import given, require
from freerun.parts.tasks import Data, Task
from freerun.parts.tasks._automata import Automaton as Machine
from freerun.parts.tasks._automata import shown
from freerun.parts.tasks._notation import automaton, parsed, spelt, text_of
from freerun.parts.tasks._windows import home

#: b comes in pairs (the even process, B. Weiss 1973); where no b is open, the string ends with probability 0.1.
EXAMPLE = "even a even, even b odd, odd b even, even . end 0.1"


@dataclass(kw_only=True)
class Automaton(Task):
    """Strings of any finite automaton that is given by its transitions, with probabilities or equal branches.

    Attributes:
        transitions: the automaton as text, as above; null for an example in which b comes in pairs.
        file: a UTF-8 file that holds the text instead; null for none.
        sequences: number of training strings; validation and test have half as many each. Strings longer than the window are
            cut, never rejected, which would change the source.
    """

    transitions: str | None = None
    file: str | None = None
    sequences: int = 2048
    length: int = 25

    def __post_init__(self) -> None:
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")
        if self.file is not None:
            require(self.transitions is None, "transitions", self.transitions, "be null where a file is given")
            self.file = home(self.file, "task.file")
            self.source()
            return
        transitions = parsed(EXAMPLE if self.transitions is None else self.transitions, "task.transitions", lines=False)
        self.transitions = ", ".join(spelt(transition) for transition in transitions)
        self.source()

    def read(self) -> str:
        """Return the automaton as text.

        Raises:
            ConfigError: if the file is missing, too large or not UTF-8.
        """
        return given(self.transitions) if self.file is None else text_of(self.file)

    def content(self) -> str | None:
        return None if self.file is None else hashlib.sha256(self.read().encode()).hexdigest()

    def source(self) -> tuple[Machine, tuple[str, ...]]:
        """Return the automaton as tables, and its letters in the order in which they first come up.

        Raises:
            ConfigError: naming the place, for what is not an automaton.
        """
        key = "task.transitions" if self.file is None else f"task.file={self.file}"
        return automaton(self.read(), key, lines=self.file is not None)

    def build(self, seed: int, length: int) -> Data:
        machine, letters = self.source()
        return machine.data(seed, length, self.sequences, alphabet=letters)

    def show(self, observed: Any) -> dict[str, Any] | None:
        """Ten generated strings, each with its verdict."""
        return shown(observed)
