"""`freerun report [NAME]`: figures and report of a study."""

from __future__ import annotations

from freerun.cli.arguments import named


def main(words: list[str]) -> int:
    """Build figures and report from the records alone."""
    named(words, "report").write_report()
    return 0
