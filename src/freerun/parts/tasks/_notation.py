"""Notation of a finite automaton: FROM LETTER TO or FROM LETTER TO PROBABILITY, one transition after the other.

    0 B 1, 1 T 2, 1 P 3 0.4, 2 E 4, 3 E 4

What starts, what ends and what the probabilities are without being written is said in `freerun.parts.tasks.automaton`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from freerun.errors import ConfigError, given
from freerun.io import reading
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
    """Return the automaton as tables, and its letters in the order in which they first come up.

    Args:
        text: its transitions.
        key: where they are given, for messages.
        lines: places are told by lines rather than by transitions.

    Raises:
        ConfigError: naming the place, for what is not an automaton.
    """
    transitions = parsed(text, key, lines=lines)
    letters = list(dict.fromkeys(transition.letter for transition in transitions))
    states = list(dict.fromkeys(state for transition in transitions for state in (transition.state, transition.following)))
    if len(letters) < 2:
        raise ConfigError(f"{key}: must have at least 2 letters, got only {letters[0]!r}")
    if len(states) * len(letters) > LARGEST:
        raise ConfigError(f"{key}: {len(states)} states times {len(letters)} letters is more than {LARGEST}")
    number, column = ({word: place for place, word in enumerate(words)} for words in (states, letters))
    leaving = _by_state(transitions, key)
    single = all(len({transition.letter for transition in rows}) == len(rows) for rows in leaving.values())
    if not single and len(transitions) > BRANCHING:
        raise ConfigError(
            f"{key}: {len(transitions)} transitions; at most {BRANCHING} where a letter leads from a state to several"
        )
    table = np.zeros((len(states), len(letters) if single else max(map(len, leaving.values()))), dtype=np.int64)
    probs, spelt = np.zeros(table.shape), np.zeros(table.shape, dtype=np.int64)
    for state, rows in leaving.items():
        for branch, (transition, share) in enumerate(zip(rows, _chances(rows, key), strict=True)):
            place = number[state], column[transition.letter] if single else branch
            table[place], probs[place], spelt[place] = number[transition.following], share, column[transition.letter]
    machine = Automaton(table=table, probs=probs, letters=None if single else spelt)
    unreached = _unreached(machine)
    if unreached is not None:
        raise ConfigError(f"{key}: state {states[unreached]!r} is never reached from the start, {states[0]!r}; check its name")
    if not single:
        _check_branching(machine, states, key)
    return machine, tuple(letters)


def spelt(transition: Transition) -> str:
    """Return a transition as it is written."""
    words = (transition.state, transition.letter, transition.following)
    return " ".join(words if transition.probability is None else (*words, repr(transition.probability)))


def parsed(text: str, key: str, *, lines: bool) -> list[Transition]:
    """Return the transitions of a text, in its order; the arguments are those of `automaton`.

    Raises:
        ConfigError: naming the place of what is not a transition.
    """
    transitions: list[Transition] = []
    for row, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for piece in filter(str.strip, re.split(r"[,|]", line)):
            place = f"line {row}" if lines else f"transition {len(transitions) + 1}"
            transitions.append(_transition(piece.split(), key, place))
    if not transitions:
        raise ConfigError(f"{key}: must hold at least one transition, FROM LETTER TO or FROM LETTER TO PROBABILITY")
    return transitions


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


def _by_state(transitions: list[Transition], key: str) -> dict[str, list[Transition]]:
    leaving: dict[str, dict[tuple[str, str], Transition]] = {}
    for transition in transitions:
        rows = leaving.setdefault(transition.state, {})
        if (transition.letter, transition.following) in rows:
            raise ConfigError(
                f"{key}: {transition.place}: the same transition as {rows[transition.letter, transition.following].place}"
            )
        rows[transition.letter, transition.following] = transition
    return {state: list(rows.values()) for state, rows in leaving.items()}


def _chances(leaving: list[Transition], key: str) -> list[float]:
    """Return the probabilities of a state's transitions."""
    last = leaving[-1]
    place = f"{key}: {last.place}: the probabilities from state {last.state!r}"
    return shares([transition.probability for transition in leaving], place)


def shares(probabilities: Sequence[float | None], place: str) -> list[float]:
    """Return probabilities of which those that were left out (None) share equally what the others leave.

    Args:
        probabilities: in the order in which they are written.
        place: where, and of what they are, for messages.

    Raises:
        ConfigError: if they do not sum to 1, or leave nothing.
    """
    given_sum = sum(probability or 0.0 for probability in probabilities)
    open_count = sum(probability is None for probability in probabilities)
    left = 1 - given_sum
    if open_count:
        if left <= TOLERANCE:
            raise ConfigError(f"{place} sum to {given_sum:.9g} and leave nothing for {open_count} other")
        return [left / open_count if probability is None else probability for probability in probabilities]
    if abs(left) > TOLERANCE:
        raise ConfigError(f"{place} must sum to 1 within {TOLERANCE:g}, got {given_sum:.9g}")
    return [(probability or 0.0) / given_sum for probability in probabilities]


def text_of(file: str) -> str:
    """Return the text of a file that holds an automaton or a grammar.

    Raises:
        ConfigError: if the file is missing, too large or not UTF-8.
    """
    try:
        return reading.content(file, LARGEST).decode("utf-8")
    except OSError as fault:
        raise ConfigError(f"task.file={file}: {fault.strerror}") from None
    except ValueError as fault:
        problem = f"not UTF-8 at byte {fault.start}" if isinstance(fault, UnicodeDecodeError) else str(fault)
        raise ConfigError(f"task.file={file}: {problem}") from None


def _unreached(machine: Automaton) -> int | None:
    """Return a state that no string leads to from state 0, if there is one."""
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
