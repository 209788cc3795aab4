"""`freerun compare A B [--study NAME]`: comparison of two regimes, models or studies."""

from __future__ import annotations

from freerun.cli.arguments import Parser, place, shared_parser
from freerun.errors import ConfigError


def parser() -> Parser:
    """What the command takes."""
    examples = ("freerun compare free_running teacher_forcing --study first_look", "freerun compare first_look path_star")
    made = shared_parser("compare", "A B", examples=examples)
    made.add_argument(
        "--study", metavar="NAME", help="the study of two regimes, objectives or models (default: A and B are studies)"
    )
    made.add_argument("sides", metavar="A B", nargs="*", help="two regimes, objectives or models of a study, or two studies")
    return made


def main(words: list[str]) -> int:
    """Say in words, in a table and in a figure how two sides compare."""
    options = parser().read(words)
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
