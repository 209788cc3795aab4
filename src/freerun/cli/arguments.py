"""Arguments of the command line: the commands, the parser that each builds its own from, and what commands share.

A command is a module of `freerun.cli.commands` with ``parser()``, which owns its help, and ``main(words) -> exit code``.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from freerun.cli import hydra_options
from freerun.config.hydra.habits import plain
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.io.text import USUAL, brief

if TYPE_CHECKING:
    from freerun.execution.launchers import Launcher
    from freerun.store.results_folder import Place

#: Every command, a module of `freerun.cli.commands`, by what it is for.
GROUPS = {
    "Train": {
        "run": "train and measure one experiment, or with -m a sweep over all listed values",
        "study": "train a named sweep, with tables, figures and report",
        "search": "look for the best values of numeric keys (needs the extra optuna)",
        "plan": "say what a study would do: runs, groups, time, memory; trains nothing",
        "status": "say what is pending, running, done, diverged or failed, and why",
        "measure": "measure the trained runs of a study anew, by other metrics or settings; trains nothing",
        "retry": "do the failed runs of a study again, and those that are left",
        "merge": "unite what several machines did, each a part of a study (study --shard)",
    },
    "Look": {
        "table": "print the results of a study, build its tables, and write the table of a paper",
        "figures": "draw the figures of a study from its records",
        "paper": "write a folder for a paper: figures, tables, LaTeX, and the data behind them",
        "report": "build figures and report of a study, or a report that compares two",
        "compare": "say which is better: two regimes, models or settings of a study, or two studies",
        "export": "write a study as one tidy file, or for TensorBoard or MLflow",
        "list": "list what there is to choose from: parts, presets, players, launchers, studies",
    },
    "Keep": {
        "check": "hold a part, built in or your own, to the laws of its kind",
        "clean": "remove what is left over, or a study and its records",
        "completion": "print what a shell needs to complete names and keys",
    },
}
COMMANDS = {name: line for group in GROUPS.values() for name, line in group.items()}
DEFAULT_STUDY = "first_look"


#: The kind of argument that holds the last value that it is given.
_SINGLE = type(argparse.ArgumentParser(add_help=False).add_argument("--one"))


class HelpShown(Exception):
    """The help of a command has been asked for and printed; there is nothing else to do."""


class Parser(argparse.ArgumentParser):
    """The parser of one command: its help has keys and examples, its complaint is one line and exit code 2.

    Attributes:
        examples: whole command lines.
        takes_settings: whether it takes settings ``key=value``.
    """

    def __init__(self, command: str, words: str, *, examples: tuple[str, ...], keys: Mapping[str, str] | None = None) -> None:
        """Make a parser without options.

        Args:
            command: its name.
            words: what it takes beside options, as its usage shows them.
            examples: whole command lines.
            keys: what may stand before and after an equals sign, each with its meaning.
        """
        self.examples = examples
        self.takes_settings = keys is not None
        blocks = [("keys", _two_columns(keys))] if keys else []
        blocks.append(("examples", "".join(f"  {line}\n" for line in examples)))
        super().__init__(
            prog=f"freerun {command}",
            usage=" ".join(["freerun", command, *([words] if words else []), "[options]"]),
            description=f"{COMMANDS[command][0].upper()}{COMMANDS[command][1:]}.",
            epilog="\n".join(f"{title}:\n{block}" for title, block in blocks),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Refuse the words."""
        missing = message.removeprefix("the following arguments are required: ")
        raise ConfigError(message if missing == message else f"{missing} is missing; {self.prog} --help shows what it takes")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End after the help, which is all that argparse ends a program after."""
        raise HelpShown

    def options(self) -> list[str]:
        """Return all options of the command, in the order of its help."""
        return [option for action in self._actions for option in action.option_strings]

    def read(self, words: list[str]) -> argparse.Namespace:
        """Parse words; options may stand anywhere among them.

        Raises:
            ConfigError: for what the command does not take, with the nearest option that it does.
            HelpShown: after `--help`.
        """
        own, words = self.options(), [_at_home(word) for word in words]
        if not {"-h", "--help"} & set(words) and (habit := hydra_options.foreign(words, own)):
            raise ConfigError(habit)
        self._demand_once(words)
        arguments, rest = self.parse_known_intermixed_args(words)
        if unknown := next((word for word in rest if word.startswith("-")), None):
            option = unknown.partition("=")[0]
            if self.takes_settings and _is_key(option.removeprefix("--")):
                raise ConfigError(f"{brief(option)}: settings have no dashes; write {option.removeprefix('--')[:60]}=VALUE")
            raise ConfigError(f"{brief(option)}: unknown option of {self.prog}; {nearest(option[:100], own)}")
        if rest:
            raise ConfigError(f"{self.prog} does not take {brief(rest[0])}; {self.prog} --help shows what it takes")
        if isinstance(getattr(arguments, "words", None), list):
            arguments.words = plain(arguments.words)
        return arguments

    def _demand_once(self, words: list[str]) -> None:
        """Refuse an option that is given two values of which one would count.

        Raises:
            ConfigError: naming it and both.
        """
        single = {option for action in self._actions if type(action) is _SINGLE for option in action.option_strings}
        given: dict[str, str] = {}
        for word, after in pairwise([*words, ""]):
            if word == "--":
                break
            option, equals, value = word.partition("=")
            if option in single and (known := given.setdefault(option, value if equals else after)) != (
                value if equals else after
            ):
                both = f"{brief(known)} and {brief(value if equals else after)}"
                raise ConfigError(f"{option}: given twice, {both}; one alone can count")


def _is_key(text: str) -> bool:
    """Return whether a text is a key of an experiment, or looks like one of a setting of its nodes."""
    from freerun.config.experiment import Experiment

    return text.partition(".")[0] in {item.name for item in fields(Experiment)}


def _two_columns(rows: Mapping[str, str]) -> str:
    width = max(map(len, rows))
    return "".join(f"  {name:{width}}  {text}\n" for name, text in rows.items())


def shared_parser(
    command: str, words: str = "", *, examples: tuple[str, ...], keys: Mapping[str, str] | None = None, trains: bool = False
) -> Parser:
    """Return the parser of a command that looks at results, with the options that it shares with others.

    Args:
        command, words, examples, keys: as in `Parser`.
        trains: whether it may train.
    """
    new_parser = Parser(command, words, examples=examples, keys=keys)
    new_parser.add_argument("--results", metavar="DIR", type=folder, default=USUAL, help="where results are (default: results)")
    if trains:
        new_parser.add_argument(
            "--workers", metavar="N", type=count, help="worker processes, launcher.workers=N (default: one a core)"
        )
        new_parser.add_argument(
            "--group", metavar="N", type=count, help="most runs that train together, launcher.group=N (default: 32)"
        )
    return new_parser


def add_study(command_parser: Parser) -> None:
    """Let a command take the name of a study, or stand for the default one."""
    text = "the study (default: first_look)"
    command_parser.add_argument("name", metavar="NAME", nargs="?", default=DEFAULT_STUDY, help=text)


def add_paper(command_parser: Parser) -> None:
    """Let a command choose what its figures and tables show, and how wide they are."""
    text = "runs with this setting alone, KEY=VALUE,VALUE; give it once for each key"
    command_parser.add_argument("--select", metavar="SETTING", action="append", default=[], help=text)
    text = "call a task, model, method or measure otherwise, OLD=NEW; give it once for each"
    command_parser.add_argument("--labels", metavar="LABEL", action="append", default=[], help=text)
    command_parser.add_argument("--width", metavar="WIDTH", help="column, page, or inches (default: what the panels need)")


def add_plugin(command_parser: Parser) -> None:
    """Let a command draw figures of a user's own too; `plugins` loads them."""
    text = "a file with a figure of your own, drawn too; give it once for each"
    command_parser.add_argument("--plugin", metavar="FILE.py", action="append", default=[], help=text)


def plugins(options: argparse.Namespace) -> None:
    """Load the files that `add_plugin` was given.

    Raises:
        ConfigError: if one is none, or holds no part and no figure.
    """
    from freerun.parts.plugins import load_plugin

    for path in options.plugin:
        load_plugin(path)


def add_name(command_parser: Parser) -> None:
    """Let a command take another name for its results."""
    command_parser.add_argument("--as", metavar="NAME", dest="name", help="another name for the results, which are in DIR/NAME")


def add_alias(command_parser: Parser) -> None:
    """Let a command take another name for its results, or the place of other results."""
    add_name(command_parser)
    text = "where the name has results of other runs, let their tables and figures go"
    command_parser.add_argument("--replace", action="store_true", help=text)


def add_cfg(command_parser: Parser) -> None:
    """Let a command print its experiments instead of what it does."""
    text = "print every setting of the experiments and stop; freerun run FILE.yaml does what was printed into a file"
    command_parser.add_argument("-c", "--cfg", metavar="job", type=_job, help=text)


def _job(text: str) -> str:
    if text != "job":
        raise argparse.ArgumentTypeError(f"takes job alone, which prints the experiments; got {brief(text)}")
    return text


def _at_home(word: str) -> str:
    """Return a word with the home folder for `~/` in front, or behind an option's equals sign, where no shell puts it in."""
    option, path = ("", word) if not word.startswith("--") else word.partition("=")[::2]
    if path != "~" and not path.startswith("~/"):
        return word
    try:
        return f"{option}=" * bool(option) + str(Path(path).expanduser())
    except RuntimeError:
        raise ConfigError(f"{brief(word)}: no home folder is known; write the path without ~") from None


def folder(text: str) -> Path:
    """Parse the name of a folder, which need not be there."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must name a folder")
    try:
        Path(text).exists()
    except (OSError, ValueError) as fault:
        raise argparse.ArgumentTypeError(f"{brief(text)}: {getattr(fault, 'strerror', None) or fault}") from None
    return Path(text)


def count(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text[:40]!r}")
    return int(text)


def place(options: argparse.Namespace) -> Place:
    """Return the place of the results."""
    from freerun.store.results_folder import Place

    return Place(results=options.results)


def add_tune(command: Parser) -> None:
    """Let a command tune a study whose file does not say so."""
    text = "tune every method on seeds of its own, then run the study with what was chosen"
    command.add_argument("--tune", action="store_true", help=text)


def add_shard(command: Parser) -> None:
    """Let a command do one part of its runs, the others being done elsewhere."""
    text = "do part I of N of the runs, the others being done on other machines; freerun merge unites them"
    command.add_argument("--shard", metavar="I/N", type=_shard, help=text)


def _shard(text: str) -> tuple[int, int]:
    from freerun.store.study_file import LARGEST_DIVISION

    number, slash, of = text.partition("/")
    sound = slash and all(each.isdecimal() and each.isascii() and len(each) <= 6 for each in (number, of))
    if not sound or not 1 <= int(number) <= int(of) <= LARGEST_DIVISION:
        raise argparse.ArgumentTypeError(
            f"must be I/N, two whole numbers with 1 <= I <= N <= {LARGEST_DIVISION}, got {text[:40]!r}"
        )
    return int(number), int(of)


def add_hours(command: Parser) -> None:
    """Let a command be given a time, after which it begins no group any more."""
    text = "begin nothing more after so many hours; what runs ends, and the same command goes on (exit code 4)"
    command.add_argument("--hours", metavar="N", type=_hours, help=text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 < hours < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text[:40]!r}")
    return hours


def launcher(options: argparse.Namespace, words: list[str]) -> tuple[Launcher, list[str]]:
    """Return the chosen launcher, and the words that do not belong to it."""
    from freerun.execution import launchers

    short = {"workers": options.workers, "group": options.group}
    chosen, others = launchers.choose(words, {name: value for name, value in short.items() if value is not None})
    if getattr(options, "hours", None) is not None:
        chosen.stop_after(options.hours)
    return chosen, others


def apart(words: list[str], command: str) -> tuple[str | None, list[str]]:
    """Return the name among the words, None if there is none, and the overrides.

    Raises:
        ConfigError: if there are several names.
    """
    names, settings = key_value.separate(words)
    if len(names) > 1:
        shown = ", ".join(names)
        raise ConfigError(f"{command} takes one name, got {shown[:100]}; settings have the form key=value")
    return (names[0] if names else None), settings
