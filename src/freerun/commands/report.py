"""`freerun report [NAME]`: figures and report of a study."""

from __future__ import annotations

from freerun.commands import DEFAULT_STUDY, parser, place


def main(words: list[str]) -> int:
    """Build figures and report from the records alone."""
    parsed = parser("report")
    parsed.add_argument("name", nargs="?", default=DEFAULT_STUDY)
    options = parsed.parse_intermixed_args(words)
    from freerun import products

    products.of(options.name, place(options)).write_report()
    return 0
