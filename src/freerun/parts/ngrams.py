"""N-gram model of symbols: interpolated Witten-Bell smoothing.

    p(y | h) = (c(h y) + d(h) p(y | h')) / (c(h) + d(h)),   p(y) at the bottom interpolated with 1/K

where c counts what was seen, d(h) is the number of different symbols seen after the context h, and h' is h without its oldest
symbol (Witten & Bell 1991, "The zero-frequency problem", method C; Chen & Goodman 1999, section 2.5). A context that was never
seen says what the shorter one says, so that every symbol is possible after every prefix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from freerun.errors import require


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

    @property
    def kinds(self) -> Int[np.ndarray, " C"]:
        """How many different symbols came after each context."""
        return np.diff(self.first)

    def place(self, context: Int[np.ndarray, " M"]) -> tuple[Int[np.ndarray, " M"], np.ndarray]:
        """Return the index of every context among those that were seen, and whether it was seen."""
        place = np.searchsorted(self.contexts, context).clip(max=len(self.contexts) - 1)
        return place, self.contexts[place] == context


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
        grams, seen = np.unique(codes, return_counts=True)
        contexts, start = np.unique(grams // self.symbols, return_index=True)
        totals = np.add.reduceat(seen, start) if len(grams) else seen
        return Counts(grams=grams, seen=seen, contexts=contexts, first=np.append(start, len(grams)), totals=totals)

    def chances(self, strings: Int[np.ndarray, "T N"], first: int = 0) -> Float[np.ndarray, "S N"]:
        """Return the probability of every symbol of some strings from the step `first` on, given those before it."""
        chance = np.full((len(strings) - first, strings.shape[1]), 1 / self.symbols)
        for n, counts in enumerate(self.counts, 1):
            begin = max(first, n - 1)
            if begin >= len(strings) or not len(counts.grams):
                break
            gram = _codes(strings, n, self.symbols)[begin - n + 1 :].ravel()
            place, known = counts.place(gram // self.symbols)
            at = np.searchsorted(counts.grams, gram).clip(max=len(counts.grams) - 1)
            seen = np.where(counts.grams[at] == gram, counts.seen[at], 0)
            kinds, totals = counts.kinds[place], counts.totals[place]
            shorter = chance[begin - first :].ravel()
            mixed = np.where(known, (seen + kinds * shorter) / (totals + kinds), shorter)
            chance[begin - first :] = mixed.reshape(-1, strings.shape[1])
        return chance

    def distribution(self, before: Int[np.ndarray, "T N"]) -> Float[np.ndarray, "N K"]:
        """Return the probability of every symbol after some strings, of which the last n - 1 symbols are looked at."""
        chance = np.full((before.shape[1], self.symbols), 1 / self.symbols)
        for n, counts in enumerate(self.counts, 1):
            if n - 1 > len(before) or not len(counts.grams):
                break
            context = _codes(before[len(before) - n + 1 :], n - 1, self.symbols)[0]
            place, known = counts.place(context)
            kinds, totals = (np.where(known, counted[place], 0)[:, None] for counted in (counts.kinds, counts.totals))
            mixed = kinds * chance
            size = np.where(known, counts.kinds[place], 0)
            rows = np.repeat(np.arange(len(context)), size)
            entries = np.arange(size.sum()) + np.repeat(counts.first[:-1][place] - np.append(0, size.cumsum()[:-1]), size)
            mixed[rows, counts.grams[entries] % self.symbols] += counts.seen[entries]
            chance = np.where(known[:, None], mixed / np.where(known[:, None], totals + kinds, 1), chance)
        return chance


def _codes(strings: Int[np.ndarray, "T N"], n: int, symbols: int) -> Int[np.ndarray, "S N"]:
    """Return a number for every n successive symbols; for n = 0 one row of zeros."""
    steps = len(strings) - n + 1 if n else 1
    code = np.zeros((steps, strings.shape[1]), dtype=np.int64)
    for k in range(n):
        code = code * symbols + strings[k : k + steps]
    return code
