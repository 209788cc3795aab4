"""Probabilistic context-free grammar: a language that needs a stack, and the probabilities of its strings.

A grammar is written as its rules, SYMBOL -> WORDS | WORDS, each way with its probability in brackets:

    S -> One runs | Many run, One -> dog | dog that Inner [0.4], Many -> dogs | dogs that Inner [0.4],
    Inner -> One chases | Many chase

Words that stand on the left of an arrow are symbols, all others are letters; the first symbol is the start. Rules are
separated by commas or ends of lines, a line that begins with # is a comment, and a symbol may have several rules. Ways
without a probability share equally what those with one leave of their symbol (above, One is a dog alone with 0.6). A way
may have no words at all: the symbol then writes nothing. When everything is rewritten the string is over, which is a letter
of its own, ".".

Strings end with probability 1, and have a mean length, if the largest eigenvalue of the matrix of the mean numbers of symbols
that a rewriting makes is below 1 (Booth & Thompson 1973, IEEE Trans. Comput. C-22, 442); other grammars are refused. The
next-letter distribution of any prefix is exact (`freerun.parts.tasks._grammar_oracle`; Stolcke 1995, Jelinek & Lafferty 1991).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.parts.tasks import SPLITS, Data, Sequences, Task
from freerun.parts.tasks._automata import shown
from freerun.parts.tasks._grammar_oracle import GrammarOracle
from freerun.parts.tasks._grammar_rules import END, Rules, parsed, rules, spelt
from freerun.parts.tasks._grammar_tables import tables
from freerun.parts.tasks._notation import text_of
from freerun.parts.tasks._windows import home
from freerun.random_streams import stream

#: Centre embedding with agreement: "dogs that dog that dogs chase chases run"; every verb agrees with its own noun, which the
#: nouns and verbs between keep apart.
EXAMPLE = """
S -> One runs | Many run
One -> dog | dog that Inner [0.45]
Many -> dogs | dogs that Inner [0.45]
Inner -> One chases | Many chase
"""


@dataclass(kw_only=True)
class Grammar(Task):
    """Strings of any probabilistic context-free grammar that is given by its rules; every prefix has its exact next letter.

    Attributes:
        rules: the grammar as text, as above; null for an example of nested clauses whose verbs agree with their nouns.
        file: a UTF-8 file that holds the text instead; null for none.
        sequences: number of training strings; validation and test have half as many each. Strings longer than the window are
            cut, never rejected, which would change the source.
        length: of windows; the exact distributions take time that grows with its cube.
    """

    rules: str | None = None
    file: str | None = None
    sequences: int = 2048
    length: int = 25

    def __post_init__(self) -> None:
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")
        if self.file is not None:
            require(self.rules is None, "rules", self.rules, "be null where a file is given")
            self.file = home(self.file, "task.file")
        else:
            written = parsed(EXAMPLE if self.rules is None else self.rules, "task.rules", lines=False)
            self.rules = ", ".join(spelt(name, alternatives) for name, alternatives in written.items())
        self.source()

    def read(self) -> str:
        """Return the grammar as text.

        Raises:
            ConfigError: if the file is missing, too large or not UTF-8.
        """
        return given(self.rules) if self.file is None else text_of(self.file)

    def content(self) -> str | None:
        return None if self.file is None else hashlib.sha256(self.read().encode()).hexdigest()

    def source(self) -> Rules:
        """Return the grammar.

        Raises:
            ConfigError: naming the place, for what is not a grammar whose strings end.
        """
        key = "task.rules" if self.file is None else f"task.file={self.file}"
        return rules(self.read(), key, lines=self.file is not None)

    def build(self, seed: int, length: int) -> Data:
        source = self.source()
        counts = {"train": self.sequences, "validation": self.sequences // 2, "test": self.sequences // 2}
        splits = {name: _drawn(source, stream(seed, "data", k), length, counts[name]) for k, name in enumerate(SPLITS)}
        alphabet = (*source.letters, END)
        return Data(
            splits=splits, inputs=0, outputs=len(alphabet), oracle=GrammarOracle(tables(source)), alphabet=alphabet
        )  # fmt: skip

    def show(self, observed: Any) -> dict[str, Any] | None:
        """Ten generated strings, each with its verdict."""
        return shown(observed)


def _drawn(source: Rules, chance: np.random.Generator, length: int, count: int) -> Sequences:
    """Strings by leftmost derivations, all of them side by side; one longer than `length` is cut, a shorter one padded."""
    place = {letter: number for number, letter in enumerate((*source.letters, END))}
    bounds = {name: np.cumsum([chance for chance, _ in ways])[:-1] for name, ways in source.symbols.items()}
    start, *_ = source.symbols
    letters = np.zeros((length, count), dtype=np.int64)
    weights = np.zeros((length, count), dtype=np.float32)
    left = [[END, start] for _ in range(count)]  # what is still to be rewritten or written, the next one last
    steps, running = [0] * count, list(range(count))
    while running:
        coins = chance.random(count)  # one round after the other: a longer window begins the same
        for n in running:
            name = left[n].pop()
            right = source.symbols[name][int((bounds[name] <= coins[n]).sum())][1]
            left[n].extend(reversed(right))
            while left[n] and left[n][-1] in place and steps[n] < length:
                letters[steps[n], n], weights[steps[n], n] = place[left[n].pop()], 1
                steps[n] += 1
        running = [n for n in running if left[n] and steps[n] < length]
    for n, written in enumerate(steps):
        letters[written:, n] = letters[written - 1, n]
    start_symbols = torch.full((count,), -1, dtype=torch.int64)
    return Sequences(targets=torch.from_numpy(letters), start=start_symbols, weights=torch.from_numpy(weights))
