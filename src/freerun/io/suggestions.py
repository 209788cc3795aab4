"""Suggestions for a misspelt name: the nearest valid choice, or the list of all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from freerun.io.text import CHOICES, LONGEST_CHOICE, one_line

#: How alike two names are at least, for one to be taken for a misspelling of the other (1 for equal ones).
NEAR = 0.7


def near(word: str, choices: Iterable[str]) -> str | None:
    """Return the valid choice that a word is a misspelling of, first with its capitals and then without; None if of none."""
    options = sorted(choices)
    small = {option.lower(): option for option in options}
    matches = difflib.get_close_matches(word, options, n=1, cutoff=NEAR) or [
        small[match] for match in difflib.get_close_matches(word.lower(), small, n=1, cutoff=NEAR)
    ]
    return matches[0] if matches else None


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return the end of an error message, after a semicolon: the valid choice that is near, or all of them where none is."""
    options = sorted(choices)
    if (match := near(word, options)) is not None:
        return f"did you mean {match!r}?"
    if not options:
        return "it has none"
    return CHOICES.removeprefix("; ") + ", ".join(one_line(option, LONGEST_CHOICE) for option in options)
