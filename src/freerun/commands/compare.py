"""`freerun compare A B [--study NAME]`: which of two regimes, models or studies is better?"""

from __future__ import annotations

from freerun.commands import parser, place
from freerun.errors import ConfigError


def main(words: list[str]) -> int:
    """Say in words, in a table and in a figure how two sides compare."""
    parsed = parser("compare")
    parsed.add_argument("--study")
    parsed.add_argument("sides", nargs="*")
    options = parsed.parse_intermixed_args(words)
    if len(options.sides) != 2:
        raise ConfigError("compare takes two names: regimes or models of --study NAME, or two studies")
    from freerun import products
    from freerun.report import compare

    (a, b), where = options.sides, place(options)
    if options.study:
        results = products.of(options.study, where)
        with products.writing(results.folder):
            found = compare.in_study(a, b, results.frames, results.folder)
    else:
        first, second = products.of(a, where), products.of(b, where)
        with products.writing(first.folder):
            found = compare.of_studies(a, b, (first.frames, second.frames), first.folder)
    print("\n".join(found.sentences))
    print(f"comparison: {found.path} (and .csv, .png, .pdf)")
    return 0
