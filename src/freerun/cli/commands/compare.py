"""`freerun compare A B [--study NAME]`: which of two regimes, models or studies is better?"""

from __future__ import annotations

from freerun.cli.arguments import parser, place
from freerun.errors import ConfigError


def main(words: list[str]) -> int:
    """Say in words, in a table and in a figure how two sides compare."""
    parsed = parser("compare")
    parsed.add_argument("--study")
    parsed.add_argument("sides", nargs="*")
    options = parsed.parse_intermixed_args(words)
    if len(options.sides) != 2:
        raise ConfigError("compare takes two names: regimes or models of --study NAME, or two studies")
    from freerun.analysis import outputs
    from freerun.analysis.report import comparison

    (a, b), where = options.sides, place(options)
    if options.study:
        results = outputs.of(options.study, where)
        with outputs.writing(results.folder):
            found = comparison.in_study(a, b, results.frames, results.folder)
    else:
        first, second = outputs.of(a, where), outputs.of(b, where)
        with outputs.writing(first.folder):
            found = comparison.of_studies(a, b, (first.frames, second.frames), first.folder)
    print("\n".join(found.sentences))
    print(f"comparison: {found.path} (and .csv, .png, .pdf)")
    return 0
