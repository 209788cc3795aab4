"""Suggestions for a misspelt name: the nearest valid choice, or the list of all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from freerun.io.text import CHOICES, LONGEST_CHOICE, one_line

#: How alike two names are at least, for one to be taken for a misspelling of the other (1 for equal ones).
NEAR = 0.7


def nearest(word: str, choices: Iterable[str], main: Iterable[str] | None = None) -> str:
    """Return the end of an error message, after a semicolon: the valid choice that is near, or all of them where none is.

    Args:
        word: what was typed.
        choices: what is valid.
        main: of many choices those that are listed where none is near; None for all.
    """
    options = sorted(choices)
    small = {option.lower(): option for option in options}
    matches = difflib.get_close_matches(word, options, n=1, cutoff=NEAR) or [
        small[near] for near in difflib.get_close_matches(word.lower(), small, n=1, cutoff=NEAR)
    ]
    if matches:
        return f"did you mean {matches[0]!r}?"
    if not options:
        return "it has none"
    return CHOICES.removeprefix("; ") + ", ".join(one_line(option, LONGEST_CHOICE) for option in sorted(main or options))
