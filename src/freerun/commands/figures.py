"""`freerun figures [NAME]`: the figures of a study."""

from __future__ import annotations

from freerun.commands import DEFAULT_STUDY, parser, place


def main(words: list[str]) -> int:
    """Draw the figures from the records alone."""
    parsed = parser("figures")
    parsed.add_argument("name", nargs="?", default=DEFAULT_STUDY)
    options = parsed.parse_intermixed_args(words)
    from freerun import products

    products.of(options.name, place(options)).write_figures()
    return 0
