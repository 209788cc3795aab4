"""The embedded Reber grammar: is the first choice remembered to the end?

A string begins with B and then T or P; a complete Reber string follows; then the *same* T or P must come again, then E
(Reber 1967; Hochreiter & Schmidhuber 1997, section 5.1, where it is the first benchmark of the LSTM). Each branch has
probability 1/2, so the true next-symbol distribution of any admissible prefix is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int

from freerun.errors import require
from freerun.lazy import torch
from freerun.streams import stream
from freerun.tasks import SPLITS, Data, Sequences, Task, Truth

LETTERS = ("B", "T", "P", "S", "X", "V", "E")
#: The inner Reber graph: state -> {letter: next state}; state 7 is its end.
REBER = {
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": 7},
}


def graph() -> np.ndarray:
    """The embedded automaton as a table ``[state, letter] -> next state``, -1 where the letter is not admissible.

    State 0 follows the first B; the last state is the end, from which nothing leads on.
    """
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


@dataclass(kw_only=True)
class EmbeddedReber(Task):
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

    def __post_init__(self) -> None:
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")

    def build(self, seed: int, length: int) -> Data:
        counts = {"train": self.sequences, "validation": self.sequences // 2, "test": self.sequences // 2}
        splits = {name: _strings(stream(seed, "data", k), length, counts[name]) for k, name in enumerate(SPLITS)}
        return Data(splits=splits, inputs=0, outputs=len(LETTERS), oracle=AutomatonOracle(graph()), alphabet=LETTERS)

    def show(self, observed: Any) -> dict[str, Any] | None:
        """Ten generated strings, each with its verdict."""
        if observed.picks is None:
            return None
        truth = observed.truth()
        lines = []
        for n in range(min(10, observed.picks.shape[1])):
            text = "B"
            valid = True
            for t in range(observed.picks.shape[0]):
                if truth.ended[t, n]:
                    break
                letter = int(observed.fed_symbols[t, n])
                valid &= bool(truth.log_probs[t, n, letter] > -torch.inf)
                text += LETTERS[letter]
            lines.append({"text": text, "valid": valid})
        return {"kind": "strings", "lines": lines}


def _strings(chance: np.random.Generator, length: int, count: int) -> Sequences:
    table = graph()
    end = len(table) - 1
    letters = np.full((length, count), LETTERS.index("E"), dtype=np.int64)
    weights = np.zeros((length, count), dtype=np.float32)
    state = np.zeros(count, dtype=np.int64)
    for t, coin in enumerate(chance.random((length, count))):
        open_ = table[state] >= 0
        choice = np.where(open_.sum(1) == 2, coin >= 0.5, False)
        letter = np.where(choice, len(LETTERS) - 1 - open_[:, ::-1].argmax(1), open_.argmax(1))
        running = state != end
        letters[t, running] = letter[running]
        weights[t, running] = 1
        state[running] = table[state[running], letter[running]]
    start = torch.full((count,), LETTERS.index("B"), dtype=torch.int64)
    return Sequences(targets=torch.from_numpy(letters), start=start, weights=torch.from_numpy(weights))


class AutomatonOracle:
    """A finite automaton whose admissible letters are equally likely, as an oracle of the next letter."""

    def __init__(self, table: np.ndarray) -> None:
        outside = len(table)
        closed = np.vstack([table, np.full((1, table.shape[1]), -1)])
        self.follow = torch.from_numpy(np.where(closed < 0, outside, closed))
        allowed = torch.from_numpy(closed >= 0).double()
        self.log_probs = (allowed / allowed.sum(1, keepdim=True).clamp(min=1)).log()
        self.end, self.outside = outside - 1, outside

    def __call__(self, prefix: Int[torch.Tensor, "T N"]) -> Truth:
        """Row t is the distribution of y_t given ``prefix[:t]``. What follows the end symbol is neither inside nor outside."""
        steps, count = prefix.shape
        states = torch.empty(steps, count, dtype=torch.int64)
        state = torch.zeros(count, dtype=torch.int64)
        for t in range(steps):
            states[t] = state
            state = torch.where(state == self.end, state, self.follow[state, prefix[t]])
        return Truth(log_probs=self.log_probs[states], inside=states != self.outside, ended=states == self.end)
