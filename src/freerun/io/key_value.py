"""Words of the form ``key=value``, and lists of words: settings as they are typed on a command line."""

from __future__ import annotations

from collections.abc import Iterable

from freerun.errors import ConfigError
from freerun.io.text import one_line


def is_setting(word: str) -> bool:
    """Return whether a word is a setting rather than a name."""
    return "=" in word


def split(word: str) -> tuple[str, str]:
    """Return key and value.

    Raises:
        ConfigError: if the word is not of this form.
    """
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise malformed(word)
    return key, value


def key_of(word: str) -> str:
    """Return the key of a word, even of one whose value is not typed yet."""
    return word.partition("=")[0]


def pairs(words: Iterable[str]) -> dict[str, str]:
    """Return settings by key; of a key that is set twice the last.

    Raises:
        ConfigError: if a word is not of this form.
    """
    return dict(map(split, words))


def listed(text: str) -> list[str]:
    """Return the words of a list, ``a,b`` or ``[a, b]``; "" where nothing stands between two commas."""
    return [word.strip() for word in text.strip("[]").split(",")]


def separate(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the names among some words, and the settings."""
    listed = list(words)
    return [word for word in listed if not is_setting(word)], [word for word in listed if is_setting(word)]


def malformed(word: str, why: str = "") -> ConfigError:
    """Return the error for a word that is not of this form.

    Args:
        why: the message of a grammar, if there is one.
    """
    return ConfigError(f"{one_line(word, 60)}: not a setting of the form key=value" + (f" ({why})" if why else ""))
