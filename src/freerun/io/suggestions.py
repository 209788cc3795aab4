"""Suggestions for a misspelt name: the nearest valid choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str]) -> str:
    """The end of an error message: the nearest valid choice, or all of them where none is near."""
    options = sorted(choices)
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    if not options:
        return "it has none"
    listing = ", ".join(options)
    return f"choose one of: {listing}" if len(listing) < 110 else f"choose one of: {listing[:107]}..."
