"""`freerun figures [NAME]`: the figures of a study."""

from __future__ import annotations

from freerun.cli.arguments import named


def main(words: list[str]) -> int:
    """Draw the figures from the records alone."""
    named(words, "figures").write_figures()
    return 0
