"""Quoting of text from outside: on one line, cut where it is long."""

from __future__ import annotations

import shlex
from pathlib import Path

#: Most characters of the line that says what is wrong, with the name of the program before it.
LINE = 191
#: Where results are if nobody says otherwise.
USUAL = Path("results")
#: What stands between a message and the list of valid choices at its end, and most characters of one of them.
CHOICES, LONGEST_CHOICE = "; choose one of: ", 60
#: What stands before a command at the end of a message, and most characters of one that is kept whole.
HINT, LONGEST_HINT = ": freerun ", 2000


def brief(value: object, most: int = 60) -> str:
    """Return a value as it is quoted in a message, cut where it is long."""
    if isinstance(value, int) and value.bit_length() > 300:
        digits = int(value.bit_length() * 0.30103)  # or one more; Python refuses to print thousands of them
        return f"a number of {len(str(abs(value))) if digits < 4000 else digits} digits"
    shown = repr(value[: most + 1]) if isinstance(value, str) else repr(value)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def one_line(text: object, most: int = LINE) -> str:
    """Return a message on one line: what a terminal would obey is made visible, and the middle goes where it is too long."""
    full = str(text)
    if len(full) > 4 * most:
        full = f"{full[: 2 * most]}{full[-2 * most :]}"
    shown = _visible(full)
    if len(shown) <= most:
        return shown
    head = (most - 5) * 3 // 5
    return f"{shown[:head]} ... {shown[len(shown) - (most - 5 - head) :]}"


def command(words: list[str] | tuple[str, ...], results: Path = USUAL) -> str:
    """Return a command of Freerun as a shell takes it, with the folder of results where it is not the usual one."""
    folder = str(results)
    elsewhere = [f"--results={folder}"] if folder.startswith("-") else ["--results", folder]
    return shlex.join(["freerun", *words, *(elsewhere if results != USUAL else [])])


def message(fault: object) -> str:
    """Return a message to the user as `one_line`, but with the whole list of valid choices, or the command, at its end."""
    text = str(fault)
    before, hint, words = text.rpartition(HINT)
    if hint and len(words) <= LONGEST_HINT:
        return one_line(before) + _visible(hint.rstrip() + f" {words}")
    start = text.rfind(CHOICES)
    names = text[start + len(CHOICES) :].split(", ") if start >= 0 else []
    if not names or max(map(len, names)) > LONGEST_CHOICE:
        return one_line(text)
    return one_line(text[:start]) + _visible(text[start:])


def _visible(text: str) -> str:
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text.split()))


def duration(seconds: float) -> str:
    """Return a time in the unit that a person would use, such as `2.5 h`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s" if seconds >= 0.95 else "under 1 s"
