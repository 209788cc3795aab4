"""Markov source of any order, with a table of conditional probabilities.

    P(y_t | y_{t-1}, ..., y_1) = matrix[(y_{t-m}, ..., y_{t-1}), y_t]

of any order m, with a matrix that is given, or drawn and then part of the world, not of the seed (unless `world_by_seed`). The
rows are the contexts in lexicographic order, the symbol before the next one changing fastest: for order 2 over {0, 1} they are
00, 01, 10, 11. The first m symbols follow the stationary distribution of the contexts, or a given one, or a start symbol is fed
as if it had come m times. The accumulated error of Arora et al. (2022, "Why exposure bias matters") is exact on such a source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from freerun.errors import given, require
from freerun.parts.settings import LATER, numbers
from freerun.parts.tasks import Data, Task
from freerun.parts.tasks._automata import Automaton
from freerun.parts.tasks._chains import recurrent, stationary, successors
from freerun.random_streams import stream

#: A given row sums to 1 up to the rounding of numbers with six decimals; it is then divided by its sum.
TOLERANCE = 1e-5
#: The most contexts, alphabet_size to the power of order.
CONTEXTS = 1024
#: What a drawn matrix is drawn with where nothing else is said.
DRAWN = {"order": 1, "alphabet_size": 4, "concentration": 0.3, "world": 0}


@dataclass(kw_only=True)
class Markov(Task):
    """Symbols from a Markov chain of any order whose matrix is given or drawn; every conditional probability is known.

    Attributes:
        matrix: one row a context, one column a symbol; null for a drawn one.
        order: m, symbols that the next one depends on (0: none); null for 1, or for what the number of rows of `matrix` says.
        alphabet_size: K; null for 4, or for the width of `matrix`.
        concentration, world: of a drawn matrix, the Dirichlet parameter of its rows (small is peaked; null for 0.3) and which
            draw it is (null for 0). Each row is mixed with 2 % of the flat one, so that every symbol is possible.
        world_by_seed: every seed has a drawn matrix of its own (also `world=seed`), so that what is found over seeds
            is found over sources.
        initial: probabilities of the first context, K**m numbers in the order of the rows; null for the stationary ones.
        start: a symbol that is fed at first, as if it had come m times, in place of `initial`; null for none.
        sequences: number of training sequences; validation and test have half as many each.
    """

    matrix: list[Any] | None = None
    order: int | None = None
    alphabet_size: int | None = None
    concentration: float | None = None
    world: int | None = None
    initial: list[Any] | None = None
    start: int | None = None
    sequences: int = 2048
    length: int = 30
    world_by_seed: bool = field(default=False, metadata=LATER)

    def __post_init__(self) -> None:
        if self.matrix is None:
            for name, value in DRAWN.items():
                setattr(self, name, value if getattr(self, name) is None else getattr(self, name))
            require(given(self.order) >= 0, "order", self.order, "not be negative")
            require(given(self.alphabet_size) >= 2, "alphabet_size", self.alphabet_size, "be at least 2")
            require(0 < given(self.concentration) <= 1e6, "concentration", self.concentration, "lie in (0, 1e6]")
        else:
            self._measure_matrix()
        size, order = given(self.alphabet_size), given(self.order)
        few = order <= CONTEXTS.bit_length() and size**order <= CONTEXTS
        require(few, "order", order, f"leave at most {CONTEXTS} contexts, alphabet_size ({size}) to the power of order")
        if self.initial is not None:
            self.initial = numbers("task.initial", self.initial)
            wanted = f"be {size**order} probabilities, one a context in the order of the rows"
            require(np.shape(_even(self.initial)) == (size**order,), "initial", self.initial, wanted)
            _check_row("initial", self.initial)
            require(self.start is None, "start", self.start, "be null where initial is given")
        require(self.start is None or 0 <= self.start < size, "start", self.start, f"be a symbol from 0 to {size - 1}, or null")
        require(self.sequences >= 2, "sequences", self.sequences, "be at least 2")
        if self.matrix is not None and self.initial is None and self.start is None:
            rule = "have one stationary distribution: its contexts fall apart, so give task.initial or task.start"
            require(recurrent(self.probabilities()) is not None, "matrix", self.matrix, rule)

    def _measure_matrix(self) -> None:
        self.matrix = numbers("task.matrix", self.matrix)
        shape = np.shape(_even(self.matrix))
        rule = "be rows of equally many probabilities, at least 2 (in a study an axis is a list of such lists)"
        require(len(shape) == 2 and shape[1] >= 2, "matrix", self.matrix, rule)
        require(not self.world_by_seed, "world_by_seed", True, "be false beside a matrix: it is for a drawn one")
        for name in ("concentration", "world"):
            require(getattr(self, name) is None, name, getattr(self, name), "be null beside a matrix: it is for a drawn one")
        rows, size = shape
        width = self.alphabet_size in (None, size)
        require(width, "alphabet_size", self.alphabet_size, f"be null or {size}, the width of the matrix")
        order = next((m for m in range(CONTEXTS.bit_length() + 1) if size**m == rows), None)
        require(order is not None, "matrix", f"{rows} rows", f"have {size}**order rows, one a context, for its {size} columns")
        require(self.order in (None, order), "order", self.order, f"be null or {order}: the matrix has {rows} rows")
        for place, row in enumerate(self.matrix):
            _check_row(f"matrix[{place}]", row)
        self.order, self.alphabet_size = order, size

    def probabilities(self, seed: int = 0) -> Float[np.ndarray, "C K"]:
        """P(next symbol | context), float64, one row a context.

        Args:
            seed: of the run; it counts where every seed has a source of its own.
        """
        if self.matrix is not None:
            rows = np.array(self.matrix)
            rows /= rows.sum(1, keepdims=True)
            return rows
        size = given(self.alphabet_size)
        contexts = size ** given(self.order)
        chance = stream(given(self.world), f"world/{seed}" if self.world_by_seed else "world")
        drawn = chance.dirichlet(np.full(size, self.concentration), size=contexts)
        return 0.98 * drawn + 0.02 / size

    def beginning(self, seed: int = 0) -> Float[np.ndarray, " C"]:
        """Return the probabilities of the first context: the stationary ones, or those that were given; `seed` as above."""
        if self.initial is not None:
            first = np.array(self.initial)
            first /= first.sum()
            return first
        return stationary(self.probabilities(seed))

    def source(self, seed: int = 0) -> Automaton:
        """The chain as an automaton whose states are the contexts; without a start symbol also the shorter ones before them."""
        probs = self.probabilities(seed)
        contexts, size = probs.shape
        follow = successors(contexts, size)
        if self.start is not None:
            return Automaton(table=follow, probs=probs, start=self.start * (contexts - 1) // (size - 1))
        marginals = [self.beginning(seed).reshape(size**m, -1).sum(1) for m in range(given(self.order) + 1)]
        first = [
            np.divide(after.reshape(-1, size), now[:, None], out=np.zeros((len(now), size)), where=now[:, None] > 0)
            for now, after in pairwise(marginals)
        ]
        short = (contexts - 1) // (size - 1)  # how many contexts are shorter than m; state 0 is the empty one
        table = np.vstack([1 + np.arange(short * size).reshape(short, size), short + follow])
        return Automaton(table=table, probs=np.vstack([*first, probs]))

    def build(self, seed: int, length: int) -> Data:
        return self.source(seed).data(seed, length, self.sequences, first=-1 if self.start is None else self.start)


def _even(rows: list[Any]) -> Any:
    """Return the list as an array, or nothing where it is ragged."""
    try:
        return np.array(rows, dtype=float)
    except ValueError:
        return None


def _check_row(name: str, row: list[float]) -> None:
    require(min(row) >= 0, name, row, "not hold a negative probability")
    rule = f"sum to 1 within {TOLERANCE:g}, which {sum(row):.9g} is not"
    require(abs(sum(row) - 1) <= TOLERANCE, name, row, rule)
