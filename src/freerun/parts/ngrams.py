"""N-gram model of symbols: interpolated Witten-Bell smoothing.

    p(y | h) = (c(h y) + d(h) p(y | h')) / (c(h) + d(h)),   p(y) at the bottom interpolated with 1/K

where c counts what was seen, d(h) is the number of different symbols seen after the context h, and h' is h without its oldest
symbol (Witten & Bell 1991, "The zero-frequency problem", method C; Chen & Goodman 1999, section 2.5). A context that was never
seen says what the shorter one says, so that every symbol is possible after every prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from freerun.errors import require
from freerun.parts import shortcuts

#: Most bytes of a model that tell beforehand what comes next; of longer contexts it is worked out when they come up.
TABLED = 2**24
#: Strings are counted in a table where so many are possible at most.
COUNTED = 2**20


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What was counted of one length n; a number stands for a string of symbols, the latest changing fastest.

    Attributes:
        grams: the strings of n symbols that were seen, rising, and how often (`seen`).
        contexts: the strings of n - 1 symbols before them, rising.
        first: where the grams of each context begin, and, at the end, how many grams there are.
        totals: how often each context came with a symbol after it.
    """

    grams: Int[np.ndarray, " G"]
    seen: Int[np.ndarray, " G"]
    contexts: Int[np.ndarray, " C"]
    first: Int[np.ndarray, " D"]
    totals: Int[np.ndarray, " C"]

    @cached_property
    def kinds(self) -> Int[np.ndarray, " C"]:
        """How many different symbols came after each context."""
        return np.diff(self.first)

    def place(self, context: Int[np.ndarray, " M"]) -> tuple[Int[np.ndarray, " M"], np.ndarray]:
        """Return the index of every context among those that were seen, and whether it was seen."""
        place = np.searchsorted(self.contexts, context).clip(max=len(self.contexts) - 1)
        return place, self.contexts[place] == context

    def mix(self, chance: Float[np.ndarray, "M K"], place: Int[np.ndarray, " M"], known: np.ndarray, symbols: int) -> None:
        """Interpolate what a shorter context says, in its place, with what was counted after `known` contexts."""
        kinds = np.where(known, self.kinds[place], 1)
        totals = np.where(known, self.totals[place], 0)
        size = np.where(known, kinds, 0)
        rows = np.repeat(np.arange(len(place)), size)
        entries = np.arange(len(rows)) + np.repeat(self.first[:-1][place] - (size.cumsum() - size), size)
        chance *= kinds[:, None]
        chance[rows, self.grams[entries] % symbols] += self.seen[entries]
        chance /= (totals + kinds)[:, None]


@dataclass(frozen=True, kw_only=True)
class Table:
    """What comes next after every context of some lengths.

    Attributes:
        chances: a row for each context, those of one length together, the first for none at all.
        begins: the first row of the contexts of n - 1 symbols, by n; that of n = 0 knows nothing.
    """

    chances: Float[np.ndarray, "R K"]
    begins: list[int]


class NgramModel:
    """An n-gram model, counted on strings.

    Args:
        strings: ``Int[T N]``; contexts do not reach from one string into another.
        order: n, the symbol itself and the n - 1 before it.
        symbols: K.
        first: symbols of each string that are counted as contexts alone.
    """

    def __init__(self, strings: Int[np.ndarray, "T N"], order: int, symbols: int, first: int = 0) -> None:
        require(order >= 1, "order", order, "be at least 1")
        require(symbols**order < 2**63, "order", order, f"leave fewer than 2**63 strings of {symbols} symbols")
        require(first < len(strings), "first", first, f"be below {len(strings)}, the length of the strings")
        self.order, self.symbols = order, symbols
        self.counts = [self._counted(strings, n, first) for n in range(1, order + 1)]

    def _counted(self, strings: np.ndarray, n: int, first: int) -> Counts:
        begin = max(first, n - 1)
        codes = _codes(strings, n, self.symbols)[begin - n + 1 :] if begin < len(strings) else np.empty(0, np.int64)
        grams, seen = _told_apart(codes, self.symbols**n)
        contexts, start = np.unique(grams // self.symbols, return_index=True)
        totals = np.add.reduceat(seen, start) if len(grams) else seen
        return Counts(grams=grams, seen=seen, contexts=contexts, first=np.append(start, len(grams)), totals=totals)

    @cached_property
    def table(self) -> Table:
        """What comes next after the contexts of the lengths that `TABLED` has room for, the shortest first."""
        rows, begins, codes = [np.full((1, self.symbols), 1 / self.symbols)], [0], [np.zeros(1, np.int64)]
        for n, counts in enumerate(self.counts, 1):
            if not len(counts.grams) or sum(map(len, [*rows, counts.contexts])) * self.symbols * 8 > TABLED:
                break
            shorter = np.searchsorted(codes[-1], counts.contexts % self.symbols ** max(0, n - 2))
            chance = rows[-1][shorter]
            counts.mix(chance, np.arange(len(chance)), np.ones(len(chance), dtype=bool), self.symbols)
            begins.append(begins[-1] + len(rows[-1]))
            rows.append(chance)
            codes.append(counts.contexts)
        return Table(chances=np.concatenate(rows), begins=begins)

    def distribution(self, before: Int[np.ndarray, "T N"]) -> Float[np.ndarray, "N K"]:
        """Return the probability of every symbol after some strings, of which the last n - 1 symbols are looked at."""
        return self._after(before, self.table.chances)

    @property
    def tabled(self) -> bool:
        """Whether the table tells of every context, so that nothing is left to be worked out."""
        return len(self.table.begins) > sum(len(counts.grams) > 0 for counts in self.counts)

    def looked_up(self, before: Int[np.ndarray, "T N"], rows: Float[np.ndarray, "R K"]) -> Float[np.ndarray, "N K"]:
        """As `distribution`, of a model that is `tabled`, with other rows in the place of those of the table."""
        require(self.tabled, "model", f"of {self.order}-grams", "be one whose table tells of every context")
        return self._after(before, rows)

    def _after(self, before: Int[np.ndarray, "T N"], rows: Float[np.ndarray, "R K"]) -> Float[np.ndarray, "N K"]:
        """Look up the rows of the contexts; what the table does not tell of is mixed with them."""
        if shortcuts.following and (chance := shortcuts.following(self, before, rows)) is not None:
            return chance
        begins, row, chance = self.table.begins, np.zeros(before.shape[1], dtype=np.int64), None
        for n, counts in enumerate(self.counts[: len(before) + 1], 1):
            if not len(counts.grams):
                break
            place, known = counts.place(_codes(before[len(before) - n + 1 :], n - 1, self.symbols)[0])
            if n < len(begins):
                row = np.where(known, begins[n] + place, row)
                continue
            chance = rows[row] if chance is None else chance
            counts.mix(chance, place, known, self.symbols)
        return rows[row] if chance is None else chance


def _told_apart(codes: Int[np.ndarray, "S N"], most: int) -> tuple[Int[np.ndarray, " G"], Int[np.ndarray, " G"]]:
    """All codes, numbers below `most`, rising, and how often each comes: `numpy.unique`, by a table if that is small."""
    if most > COUNTED:
        return np.unique(codes, return_counts=True)
    seen = np.bincount(codes.ravel(), minlength=most)
    grams = np.flatnonzero(seen)
    return grams, seen[grams]


def _codes(strings: Int[np.ndarray, "T N"], n: int, symbols: int) -> Int[np.ndarray, "S N"]:
    """Return a number for every n successive symbols; for n = 0 one row of zeros."""
    steps = len(strings) - n + 1 if n else 1
    code = np.zeros((steps, strings.shape[1]), dtype=np.int64)
    for k in range(n):
        code = code * symbols + strings[k : k + steps]
    return code
