"""What do the words after a command mean? One module a command, each with `main(words) -> exit code`; here what they share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from freerun.errors import ConfigError
from freerun.io import key_value

if TYPE_CHECKING:
    from freerun.analysis.outputs import Products
    from freerun.execution.launchers import Launcher
    from freerun.store.results_folder import Place

#: Every command is a module of this package.
COMMANDS = (
    "run", "study", "search", "plan", "status", "retry", "table", "figures", "report", "compare", "export", "list", "check",
    "clean", "completion",
)  # fmt: skip
DEFAULT_STUDY = "first_look"


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Refuse the words."""
        raise ConfigError(message)


def parser(name: str, *, trains: bool = False) -> Parser:
    """The parser of a command, with the options that it shares with others.

    Args:
        name: of the command.
        trains: whether it may train.
    """
    made = Parser(prog=f"freerun {name}", add_help=False, allow_abbrev=False)
    made.add_argument("--results", type=_folder, default=Path("results"))
    if trains:
        made.add_argument("--workers", type=count)
        made.add_argument("--group", type=count)
    return made


def _folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("must name a folder")
    return Path(text)


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text[:40]!r}")
    return int(text)


def place(options: argparse.Namespace) -> Place:
    """Where results go."""
    from freerun.store.results_folder import Place

    return Place(results=options.results)


def launcher(options: argparse.Namespace, words: list[str]) -> tuple[Launcher, list[str]]:
    """The launcher that is asked for, and the words that are not about it."""
    from freerun.execution import launchers

    short = {"workers": options.workers, "group": options.group}
    return launchers.choose(words, {name: value for name, value in short.items() if value is not None})


def named(words: list[str], command: str) -> Products:
    """The products of the study that the words of a command name, and nothing else."""
    parsed = parser(command)
    parsed.add_argument("name", nargs="?", default=DEFAULT_STUDY)
    options = parsed.parse_intermixed_args(words)
    from freerun.analysis import outputs

    return outputs.of(options.name, place(options))


def shown(name: str, where: Place, launcher: Launcher, later: str = "the same command") -> Products | None:
    """The results of a sweep, as tables and on the terminal; None, and a line, where a launcher does not wait for them.

    Args:
        name: of the study.
        where: results are.
        launcher: that has done it, or has handed it over.
        later: what will make the tables, for the line.
    """
    from freerun.analysis import outputs
    from freerun.cli.terminal import show_results
    from freerun.store.results_folder import read_info
    from freerun.sweeps import sweep

    if not launcher.waits:
        states = sweep.states(read_info(name, where, started=False)["ids"], where.store)
        if left := sum(state in ("pending", "running") for state in states.values()):
            runs = "1 run is" if left == 1 else f"{left} runs are"
            print(f"{runs} queued: freerun status shows how far they are, {later} makes the tables when they have ended")
            return None
    results = outputs.of(name, where)
    results.write_tables()
    show_results(results.summary())
    return results


def apart(words: list[str], command: str) -> tuple[str | None, list[str]]:
    """The one name among the words, if there is one, and the overrides.

    Raises:
        ConfigError: if there are several names.
    """
    names, settings = key_value.separate(words)
    if len(names) > 1:
        shown = ", ".join(names)
        raise ConfigError(f"{command} takes one name, got {shown[:100]}; settings have the form key=value")
    return (names[0] if names else None), settings
