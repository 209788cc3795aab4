"""Notation of a finite automaton: FROM LETTER TO or FROM LETTER TO PROBABILITY, one transition after the other.

    0 B 1, 1 T 2, 1 P 3 0.4, 2 E 4, 3 E 4

What starts, what ends and what the probabilities are without being written is said in `freerun.parts.tasks.automaton`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from freerun.errors import ConfigError, given
from freerun.parts.tasks._automata import Automaton

#: The probabilities of a state sum to 1 within this, the rounding of six decimals; they are then divided by their sum.
TOLERANCE = 1e-5
#: The largest table, states times letters, and the largest file in bytes.
LARGEST = 10**6
#: The most transitions where a letter leads from a state to several, and the most letters of a word.
BRANCHING, WORD = 1024, 32


class Transition(NamedTuple):
    """One transition; `place` says where it is written."""

    place: str
    state: str
    letter: str
    following: str
    probability: float | None


def automaton(text: str, key: str, *, lines: bool) -> tuple[Automaton, tuple[str, ...]]:
    """The automaton as tables, and its letters in the order in which they first come up.

    Args:
        text: its transitions.
        key: where they are given, for messages.
        lines: places are told by lines rather than by transitions.

    Raises:
        ConfigError: naming the place, for what is not an automaton.
    """
    found = parsed(text, key, lines=lines)
    letters = list(dict.fromkeys(each.letter for each in found))
    states = list(dict.fromkeys(state for each in found for state in (each.state, each.following)))
    if len(letters) < 2:
        raise ConfigError(f"{key}: must have at least 2 letters, got only {letters[0]!r}")
    if len(states) * len(letters) > LARGEST:
        raise ConfigError(f"{key}: {len(states)} states times {len(letters)} letters is more than {LARGEST}")
    number, column = ({word: place for place, word in enumerate(words)} for words in (states, letters))
    leaving = _by_state(found, key)
    single = all(len({each.letter for each in rows}) == len(rows) for rows in leaving.values())
    if not single and len(found) > BRANCHING:
        raise ConfigError(f"{key}: {len(found)} transitions; at most {BRANCHING} where a letter leads from a state to several")
    table = np.zeros((len(states), len(letters) if single else max(map(len, leaving.values()))), dtype=np.int64)
    probs, spelt = np.zeros(table.shape), np.zeros(table.shape, dtype=np.int64)
    for state, rows in leaving.items():
        for branch, (each, share) in enumerate(zip(rows, _shares(rows, key), strict=True)):
            place = number[state], column[each.letter] if single else branch
            table[place], probs[place], spelt[place] = number[each.following], share, column[each.letter]
    made = Automaton(table=table, probs=probs, letters=None if single else spelt)
    lost = _unreached(made)
    if lost is not None:
        raise ConfigError(f"{key}: state {states[lost]!r} is never reached from the start, {states[0]!r}; check its name")
    if not single:
        _check_branching(made, states, key)
    return made, tuple(letters)


def spelt(each: Transition) -> str:
    """A transition as it is written."""
    words = (each.state, each.letter, each.following)
    return " ".join(words if each.probability is None else (*words, repr(each.probability)))


def parsed(text: str, key: str, *, lines: bool) -> list[Transition]:
    """The transitions of a text, in its order; the arguments are those of `automaton`.

    Raises:
        ConfigError: naming the place of what is not a transition.
    """
    found: list[Transition] = []
    for row, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for piece in filter(str.strip, re.split(r"[,|]", line)):
            place = f"line {row}" if lines else f"transition {len(found) + 1}"
            found.append(_transition(piece.split(), key, place))
    if not found:
        raise ConfigError(f"{key}: must hold at least one transition, FROM LETTER TO or FROM LETTER TO PROBABILITY")
    return found


def _transition(words: list[str], key: str, place: str) -> Transition:
    shown = " ".join(words)
    place = f"{place} {shown if len(shown) <= 40 else shown[:37] + '...'!r}"
    if len(words) not in (3, 4):
        raise ConfigError(f"{key}: {place}: must be FROM LETTER TO or FROM LETTER TO PROBABILITY, got {len(words)} words")
    if max(map(len, words)) > WORD:
        raise ConfigError(f"{key}: {place}: a state or letter is a word of at most {WORD} characters")
    probability = None
    if len(words) == 4:
        try:
            probability = float(words[3])
        except ValueError:
            probability = -1
        if not 0 < probability <= 1:
            raise ConfigError(f"{key}: {place}: the probability must be a number in (0, 1]; to rule a letter out, leave it out")
    return Transition(place, words[0], words[1], words[2], probability)


def _by_state(found: list[Transition], key: str) -> dict[str, list[Transition]]:
    leaving: dict[str, dict[tuple[str, str], Transition]] = {}
    for each in found:
        rows = leaving.setdefault(each.state, {})
        if (each.letter, each.following) in rows:
            raise ConfigError(f"{key}: {each.place}: the same transition as {rows[each.letter, each.following].place}")
        rows[each.letter, each.following] = each
    return {state: list(rows.values()) for state, rows in leaving.items()}


def _shares(leaving: list[Transition], key: str) -> list[float]:
    """The probabilities of a state's transitions."""
    said = sum(each.probability or 0.0 for each in leaving)
    silent = sum(each.probability is None for each in leaving)
    last, left = leaving[-1], 1 - said
    where = f"{key}: {last.place}: the probabilities from state {last.state!r}"
    if silent:
        if left <= TOLERANCE:
            raise ConfigError(f"{where} sum to {said:.9g} and leave nothing for {silent} other")
        return [left / silent if each.probability is None else each.probability for each in leaving]
    if abs(left) > TOLERANCE:
        raise ConfigError(f"{where} must sum to 1 within {TOLERANCE:g}, got {said:.9g}")
    return [(each.probability or 0.0) / said for each in leaving]


def _unreached(machine: Automaton) -> int | None:
    """A state that no string leads to from state 0, if there is one."""
    seen, todo = {0}, [0]
    while todo:
        state = todo.pop()
        following = set(machine.table[state, machine.probs[state] > 0].tolist()) - seen
        seen |= following
        todo += following
    return next((state for state in range(len(machine.table)) if state not in seen), None)


def _check_branching(machine: Automaton, states: list[str], key: str) -> None:
    """Refuse a string that leads both to an end and on: pairs of states are followed along equal letters."""
    size = len(states)
    source, branch = np.nonzero(machine.probs > 0)
    letter, following = given(machine.letters)[source, branch], machine.table[source, branch]
    pairs = np.zeros((size, size), dtype=bool)
    pairs[0, 0], before = True, 0
    while pairs.sum() > before:
        before = int(pairs.sum())
        both = pairs[source[:, None], source] & (letter[:, None] == letter)
        pairs[np.broadcast_to(following[:, None], both.shape)[both], np.broadcast_to(following, both.shape)[both]] = True
    over, open_ = np.nonzero(pairs & machine.ends[:, None] & ~machine.ends)
    if len(over):
        raise ConfigError(
            f"{key}: the same string can be over, in state {states[over[0]]!r}, and go on from {states[open_[0]]!r}; "
            f"let a letter of its own lead to the end"
        )
