"""`freerun retry NAME`: the failed runs of a study once more, and those that are left."""

from __future__ import annotations

from freerun.cli.arguments import LAUNCHER_KEYS, Parser, apart, launcher, place, shared_parser, shown
from freerun.errors import ConfigError


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun retry first_look", "freerun retry first_look launcher=local launcher.time_limit=600")
    command = shared_parser("retry", "NAME [launcher.key=value ...]", examples=examples, keys=LAUNCHER_KEYS, trains=True)
    command.add_argument("words", metavar="NAME", nargs="*", help="the study")
    return command


def main(words: list[str]) -> int:
    """Do what has failed or is pending, and nothing else."""
    options = parser().read(words)
    name, overrides = apart(options.words, "retry")
    from freerun.sweeps import sweep

    chosen, rest = launcher(options, overrides)
    if name is None or rest:
        raise ConfigError("retry takes the name of a study and nothing but launcher settings: runs stay what they were")
    failed = sweep.retry(name, place(options), chosen)
    if failed is None:
        print(f"{name}: no run has failed, and none is left to do")
        return 0
    shown(name, place(options), chosen, f"freerun table {name}")
    return sweep.settle(failed, place(options), name)
