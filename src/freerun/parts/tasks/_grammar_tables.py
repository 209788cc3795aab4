"""Tables of a probabilistic context-free grammar: binary rules, and the sums over chains of rules of any length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.parts.tasks._grammar_rules import Rules

#: Steps of Newton's method for what can be nothing; it doubles its digits with each.
_NEWTON = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """A grammar of binary rules, float64; V symbols, of which the first is the start, K letters with the end as the last.

    Attributes:
        above, left, right: the symbols of every rule A -> B C, ``[rules]``.
        chances: their probabilities.
        write: ``[V K]``, the probability that a symbol is rewritten to a letter.
        nothing: ``[V]``, the probability that a symbol writes nothing.
        corners, chains: R_L and R_U of `freerun.parts.tasks._grammar_oracle`, ``[V V]``.
    """

    above: Int[torch.Tensor, " B"]
    left: Int[torch.Tensor, " B"]
    right: Int[torch.Tensor, " B"]
    chances: Float[torch.Tensor, " B"]
    write: Float[torch.Tensor, "V K"]
    nothing: Float[torch.Tensor, " V"]
    corners: Float[torch.Tensor, "V V"]
    chains: Float[torch.Tensor, "V V"]


def tables(grammar: Rules) -> Tables:
    """Return a grammar as binary rules: A -> x y z is A -> x Y with Y -> y z; a letter beside others is a symbol of its own."""
    number: dict[object, int] = {(name,): place for place, name in enumerate(grammar.symbols)}
    letters = {letter: place for place, letter in enumerate(grammar.letters)}
    pairs: list[tuple[int, int, int, float]] = []
    single: list[tuple[int, int, float]] = []
    write: list[tuple[int, int, float]] = []
    empty: list[tuple[int, float]] = []

    def symbol(words: tuple[str, ...]) -> int:
        """The symbol that writes these words, made when it first comes up."""
        if words not in number:
            number[words] = len(number)
            rewritten(number[words], words, 1.0)
        return number[words]

    def rewritten(above: int, words: tuple[str, ...], chance: float) -> None:
        if not words:
            empty.append((above, chance))
        elif len(words) > 1:
            pairs.append((above, symbol(words[:1]), symbol(words[1:]), chance))
        elif words[0] in letters:
            write.append((above, letters[words[0]], chance))
        else:
            single.append((above, number[words], chance))

    for name, alternatives in grammar.symbols.items():
        for chance, right in alternatives:
            rewritten(number[name,], right, chance)
    return _closed(len(number), len(letters) + 1, pairs, single, write, empty)


def _closed(
    size: int,
    letters: int,
    pairs: list[tuple[int, int, int, float]],
    single: list[tuple[int, int, float]],
    write: list[tuple[int, int, float]],
    empty: list[tuple[int, float]],
) -> Tables:
    """Tables of rules with the sums over chains of any length."""
    nothing = _nothing(size, pairs, single, empty)
    corners, chains, spelt = np.zeros((size, size)), np.zeros((size, size)), np.zeros((size, letters))
    for above, below, chance in single:
        corners[above, below] += chance
        chains[above, below] += chance
    for above, left, right, chance in pairs:
        corners[above, left] += chance
        corners[above, right] += chance * nothing[left]
        chains[above, left] += chance * nothing[right]
        chains[above, right] += chance * nothing[left]
    for above, letter, chance in write:
        spelt[above, letter] += chance
    threes = torch.tensor([pair[:3] for pair in pairs], dtype=torch.int64).reshape(-1, 3).T
    return Tables(
        above=threes[0], left=threes[1], right=threes[2],
        chances=torch.tensor([pair[3] for pair in pairs], dtype=torch.float64),
        write=torch.from_numpy(spelt), nothing=torch.from_numpy(nothing),
        corners=torch.from_numpy(inverse(corners)), chains=torch.from_numpy(inverse(chains)),
    )  # fmt: skip


def _nothing(
    size: int, pairs: list[tuple[int, int, int, float]], single: list[tuple[int, int, float]], empty: list[tuple[int, float]]
) -> Float[np.ndarray, " V"]:
    """Return the probability that each symbol writes nothing: the least solution of its equations, by Newton's method."""
    nothing = np.zeros(size)
    for _ in range(_NEWTON if empty else 0):
        value, slopes = np.zeros(size), np.zeros((size, size))
        for above, chance in empty:
            value[above] += chance
        for above, below, chance in single:
            value[above] += chance * nothing[below]
            slopes[above, below] += chance
        for above, left, right, chance in pairs:
            value[above] += chance * nothing[left] * nothing[right]
            slopes[above, left] += chance * nothing[right]
            slopes[above, right] += chance * nothing[left]
        step = (inverse(slopes) * (value - nothing)).sum(1)
        nothing = nothing + step
        if np.abs(step).max() < 1e-16:
            break
    return nothing


def inverse(matrix: Float[np.ndarray, "V V"]) -> Float[np.ndarray, "V V"]:
    """Return ``(1 - matrix)^-1`` of a matrix without negative numbers, the sum of all its powers.

    One symbol after the other is passed through, by sums and products of numbers that are not negative, whose order is its own:
    what is 0 stays 0, and a library would give other last bits on another processor.
    """
    paths = matrix.copy()
    for n in range(len(paths)):
        paths += np.outer(paths[:, n] / (1 - paths[n, n]), paths[n])
    paths[np.arange(len(paths)), np.arange(len(paths))] += 1
    return paths
