"""`freerun compare A B [--study NAME]`: comparison of two regimes, models, settings or studies."""

from __future__ import annotations

from collections.abc import Sequence

from freerun.cli.arguments import Parser, place, shared_parser
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.text import brief

_SIDES = "two regimes, objectives, models or settings (KEY=VALUE[,KEY=VALUE]) of a study, or two studies"


def parser() -> Parser:
    """Make the parser of the command."""
    examples = (
        "freerun compare free_running teacher_forcing --study first_look",
        "freerun compare training.lr=1e-3 training.lr=1e-2 --study first_look",
    )
    command = shared_parser("compare", "A B", examples=examples)
    command.add_argument(
        "--study", metavar="NAME", help="the study of which A and B are parts or settings (default: two studies)"
    )
    command.add_argument("sides", metavar="A B", nargs="*", help=_SIDES)
    return command


def main(words: list[str]) -> int:
    """Say in words, in a table and in a figure how two sides compare."""
    options = parser().read(words)
    if len(options.sides) != 2:
        raise ConfigError("compare takes two names: regimes, models or settings of --study NAME, or two studies")
    from freerun.analysis import outputs
    from freerun.analysis.report import comparison
    from freerun.store import results_folder

    (a, b), folder = options.sides, place(options)
    if options.study:
        results = outputs.of(options.study, folder)
        with outputs.writing(results.folder):
            result = comparison.in_study(a, b, results.frames, results.folder)
    else:
        _demand_studies(options.sides, results_folder.names(folder))
        first, second = outputs.of(a, folder), outputs.of(b, folder)
        with outputs.writing(first.folder):
            result = comparison.of_studies(a, b, (first.frames, second.frames), first.folder)
    print("\n".join(result.sentences))
    print(f"comparison: {result.path} (and .csv, .png, .pdf)")
    return 0


def _demand_studies(sides: Sequence[str], studies: Sequence[str]) -> None:
    """Refuse what names none of the studies that are known, but something of one."""
    from freerun.parts import registry

    parts = {name for kind in ("regime", "objective", "model") for name in registry.parts(kind)}
    for side in sides:
        if side not in studies and (key_value.is_setting(side) or side in parts):
            noun = "a setting" if key_value.is_setting(side) else "a part"
            raise ConfigError(f"compare {brief(side)}: is {noun}, no study; add --study NAME to compare within one")
