"""Rules of a probabilistic context-free grammar: their notation, their meaning, and whether strings end.

    S -> dog that C runs [0.4] | dog runs, C -> cat C sees | cat sees [0.5]

What may be left out and what is refused is said in `freerun.parts.tasks.grammar`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from freerun.errors import ConfigError
from freerun.parts.tasks._notation import WORD, shares

#: Squarings of a matrix after which its norm has the root of its largest eigenvalue.
_SQUARINGS = 40
#: The letter that says that a string is over; no rule may write it.
END = "."
#: The most words that stand on the right of arrows; half of them are at most so many symbols of binary rules.
LONGEST = 512
_PROBABILITY = re.compile(r"\[\s*([^\]]*?)\s*\]\s*$")


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """One of the ways to rewrite a symbol; `right` holds words, of which there may be none."""

    place: str
    right: tuple[str, ...]
    probability: float | None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """A probabilistic context-free grammar.

    Attributes:
        symbols: what is rewritten, the start first, with its alternatives, whose probabilities sum to 1.
        letters: what is written, in the order in which it first comes up.
    """

    symbols: dict[str, list[tuple[float, tuple[str, ...]]]]
    letters: tuple[str, ...]

    def means(self) -> Float[np.ndarray, "V V"]:
        """Return how many symbols of each kind one rewriting of a symbol makes on average: ``[symbol, made]``."""
        place = {name: number for number, name in enumerate(self.symbols)}
        means = np.zeros((len(place), len(place)))
        for name, alternatives in self.symbols.items():
            for probability, right in alternatives:
                for word in right:
                    if word in place:
                        means[place[name], place[word]] += probability
        return means


@lru_cache(maxsize=16)  # every run of a sweep asks for the same
def rules(text: str, key: str, *, lines: bool) -> Rules:
    """Return the grammar that a text writes.

    Args:
        text: its rules.
        key: where they are given, for messages.
        lines: places are told by lines rather than by rules.

    Raises:
        ConfigError: naming the place, for what is not a grammar whose strings end.
    """
    written = parsed(text, key, lines=lines)
    letters: dict[str, None] = {}
    symbols: dict[str, list[tuple[float, tuple[str, ...]]]] = {}
    for name, alternatives in written.items():
        where = f"{key}: {alternatives[-1].place}: the probabilities of {name!r}"
        chances = shares([alternative.probability for alternative in alternatives], where)
        symbols[name] = [(chance, each.right) for chance, each in zip(chances, alternatives, strict=True)]
        letters |= {word: None for each in alternatives for word in each.right if word not in written}
    if END in letters or END in written:
        raise ConfigError(f"{key}: {END!r} is the letter that says that a string is over; use another word for it")
    if not letters:
        raise ConfigError(f"{key}: must write at least one letter, a word that stands on the left of no arrow")
    if (words := sum(len(right) for alternatives in symbols.values() for _, right in alternatives)) > LONGEST:
        raise ConfigError(f"{key}: {words} words on the right of arrows; at most {LONGEST}")
    grammar = Rules(symbols=symbols, letters=tuple(letters))
    _check_reached(grammar, key)
    _check_ends(grammar, key)
    return grammar


@lru_cache(maxsize=16)
def parsed(text: str, key: str, *, lines: bool) -> Mapping[str, Sequence[Alternative]]:
    """Return the alternatives of every symbol in the order of a text; the arguments are those of `rules`.

    Raises:
        ConfigError: naming the place of what is not a rule.
    """
    found: dict[str, list[Alternative]] = {}
    count = 0
    for row, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for rule in filter(str.strip, line.split(",")):
            count += 1
            shown = " ".join(rule.split())
            place = f"{f'line {row}' if lines else f'rule {count}'} {shown if len(shown) <= 40 else shown[:37] + '...'!r}"
            left, arrow, right = rule.partition("->")
            if not arrow or len(left.split()) != 1 or "->" in right:
                raise ConfigError(f"{key}: {place}: must be SYMBOL -> WORDS | WORDS, with one symbol on the left of one arrow")
            name = _word(left.strip(), key, place)
            for alternative in right.split("|"):
                found.setdefault(name, []).append(_alternative(alternative, key, place))
                _check_new(found[name], key)
    if not found:
        raise ConfigError(f"{key}: must hold at least one rule, SYMBOL -> WORDS | WORDS")
    return found


def spelt(name: str, alternatives: Sequence[Alternative]) -> str:
    """Return a symbol's alternatives as they are written."""
    sides = [
        " ".join([*each.right, *([] if each.probability is None else [f"[{each.probability!r}]"])]) for each in alternatives
    ]
    return " | ".join([f"{name} -> {sides[0]}".rstrip(), *sides[1:]])


def _alternative(text: str, key: str, place: str) -> Alternative:
    probability, written = None, _PROBABILITY.search(text)
    if written is not None:
        text = text[: written.start()]
        try:
            probability = float(written[1])
        except ValueError:
            probability = -1
        if not 0 < probability <= 1:
            raise ConfigError(f"{key}: {place}: a probability is a number in (0, 1] in brackets, such as [0.5]")
    return Alternative(place=place, right=tuple(_word(word, key, place) for word in text.split()), probability=probability)


def _word(word: str, key: str, place: str) -> str:
    if len(word) > WORD or re.search(r"[\[\]]", word):
        raise ConfigError(f"{key}: {place}: {word[:WORD]!r} must be a word of at most {WORD} characters without brackets")
    return word


def _check_new(alternatives: list[Alternative], key: str) -> None:
    *before, last = alternatives
    for other in before:
        if other.right == last.right:
            raise ConfigError(f"{key}: {last.place}: {' '.join(last.right) or 'nothing'!r} is there already, in {other.place}")


def _check_reached(grammar: Rules, key: str) -> None:
    start, *_ = grammar.symbols
    seen, todo = {start}, [start]
    while todo:
        made = {word for _, right in grammar.symbols[todo.pop()] for word in right if word in grammar.symbols} - seen
        seen |= made
        todo += made
    for name in grammar.symbols:
        if name not in seen:
            raise ConfigError(f"{key}: {name!r} is never reached from the start, {start!r}; check its name")


def _radius(matrix: np.ndarray) -> float:
    """The largest eigenvalue of a matrix of shares: the 2^k-th root of the norm of its 2^k-th power (Gelfand)."""
    radius, power = 1.0, matrix
    for halvings in range(_SQUARINGS):
        norm = float(power.sum(1).max())
        if norm == 0:
            return 0.0
        power = power / norm
        power = (power[:, :, None] * power[None]).sum(1)
        for _ in range(halvings):
            norm = math.sqrt(norm)
        radius *= norm
    return radius


def _check_ends(grammar: Rules, key: str) -> None:
    """Refuse a grammar of which the rewritings of a symbol do not die out (Booth & Thompson 1973)."""
    radius = _radius(grammar.means())
    if radius >= 1 - 1e-6:
        raise ConfigError(
            f"{key}: strings must end with probability 1 and have a mean length: the largest eigenvalue of the mean numbers of "
            f"symbols that a rewriting makes is {radius:.6g}, not below 1; give ways that make fewer symbols more probability"
        )
