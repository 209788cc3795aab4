"""What can be typed? The command line; nothing heavy is imported before it is needed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from freerun.errors import ConfigError, FreerunError, StoreError, nearest

if TYPE_CHECKING:
    from freerun.studies import Place, Study
    from freerun.tables import Tables

HELP = """\
freerun: how far does a recurrent model drift when its teacher lets go?

  freerun study [NAME] [key=value ...]      run a named sweep (first_look), build tables, figures and report
  freerun run [key=value ...]               one experiment: task=lorenz63 model=gru regime=free_running seed=0
  freerun run -m [key=a,b ...]              a sweep over all listed values, in Hydra's syntax
  freerun table | figures | report [NAME]   build again from the records alone, without training
  freerun compare A B [--study NAME]        which is better: two regimes or models of a study, or two studies
  freerun list [KIND]                       tasks, models, regimes, feedback, objectives, metrics, studies
  freerun check NAME | FILE.py [key=value]  hold a part, built in or your own, to the laws of its kind

Options of study, run, table, figures, report
  --results DIR    where results go (default: results)
Option of table
  --format md|latex|csv|parquet   the table of a paper, as results/NAME/table.*
Options of study and run
  --workers N      worker processes (default: one a core)
  --group N        most runs that train together (default: 32)
Option of study
  --as NAME        write to DIR/NAME, for a study changed by overrides
Options of run
  -m, --multirun   take several values of a key as a sweep
  --cfg job        print the resolved experiment and stop
Options of check
  --kind KIND      which kind, where a name or a file stands for several
  --limit SECONDS  most time for a law (default: 60)
Key of study and run
  plugins=[FILE.py]   your own parts, by the name of their file

Exit codes: 0 all done, 1 some runs failed or laws are broken, 2 bad configuration, 3 results folder unusable, 130 interrupted.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"freerun {self.prog.split()[-1]}: {message}")


def main(arguments: list[str] | None = None) -> NoReturn:
    """The console script: runs a command and ends the process with its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = dispatch(words)
    except FreerunError as fault:
        print(f"freerun: {' '.join(str(fault).split())}", file=sys.stderr)
        code = fault.code
    except KeyboardInterrupt:
        print("freerun: interrupted; finished runs are kept, the same command continues", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    except Exception as fault:
        if os.environ.get("FREERUN_DEBUG"):
            raise
        words_of_fault = " ".join(f"{type(fault).__name__}: {fault}".split())[:200]
        print(f"freerun: a fault of the program, {words_of_fault} (FREERUN_DEBUG=1 shows where)", file=sys.stderr)
        code = 1
    sys.exit(code)


def dispatch(words: list[str]) -> int:
    """Run one command; returns its exit code.

    Raises:
        FreerunError: for everything a user can mend.
    """
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"freerun {version('freerun')}")
        return 0
    if words[0] not in COMMANDS:
        raise ConfigError(f"{words[0]!r} is not a command; {nearest(words[0], COMMANDS)}")
    if any(word in ("-h", "--help") for word in words[1:]):
        print(HELP, end="")
        return 0
    return COMMANDS[words[0]](words[1:])


def study(words: list[str]) -> int:
    """`freerun study [NAME] [overrides]`."""
    parser = _parser("study", trains=True)
    parser.add_argument("--as", dest="name")
    parser.add_argument("words", nargs="*")
    options = parser.parse_intermixed_args(words)
    named = [word for word in options.words if "=" not in word]
    if len(named) > 1:
        raise ConfigError(f"freerun study takes one name, got {', '.join(named)}; settings have the form key=value")
    from freerun import studies

    overrides = [word for word in options.words if "=" in word]
    chosen = studies.load(named[0] if named else "first_look", overrides, options.name)
    return _do(chosen, _place(options), options, report=True)


def run(words: list[str]) -> int:
    """`freerun run [-m] [overrides]`."""
    parser = _parser("run", trains=True)
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("--cfg", choices=["job"])
    parser.add_argument("words", nargs="*")
    options = parser.parse_intermixed_args(words)
    from freerun import studies

    chosen = studies.adhoc(options.words, sweep=options.multirun)
    if options.cfg:
        import yaml

        print("---\n".join(yaml.safe_dump(item.tree, sort_keys=False) for item in chosen.runs), end="")
        return 0
    return _do(chosen, _place(options), options, report=False)


def table(words: list[str]) -> int:
    """`freerun table [NAME] [--format md|latex|csv|parquet]`."""
    parser = _parser("table", trains=False)
    parser.add_argument("--format")
    parser.add_argument("name", nargs="?", default="first_look")
    options = parser.parse_intermixed_args(words)
    _tables(options.name, _place(options))
    if options.format:
        from freerun.report import paper

        frames, folder = _frames(options.name, _place(options))
        with _writing(folder):
            print(f"table: {paper.write(frames, folder, options.format)}")
    return 0


def compare(words: list[str]) -> int:
    """`freerun compare A B [--study NAME]`."""
    parser = _parser("compare", trains=False)
    parser.add_argument("--study")
    parser.add_argument("sides", nargs="*")
    options = parser.parse_intermixed_args(words)
    if len(options.sides) != 2:
        raise ConfigError("freerun compare takes two names: regimes or models of --study NAME, or two studies")
    from freerun.report import compare as comparing

    (a, b), place = options.sides, _place(options)
    if options.study:
        frames, folder = _frames(options.study, place)
        with _writing(folder):
            found = comparing.in_study(a, b, frames, folder)
    else:
        (first, folder), (second, _) = _frames(a, place), _frames(b, place)
        with _writing(folder):
            found = comparing.of_studies(a, b, (first, second), folder)
    print("\n".join(found.sentences))
    print(f"comparison: {found.path} (and .csv, .png, .pdf)")
    return 0


def figures(words: list[str]) -> int:
    """`freerun figures [NAME]`."""
    name, place = _named("figures", words)
    _figures(name, place)
    return 0


def report(words: list[str]) -> int:
    """`freerun report [NAME]`."""
    name, place = _named("report", words)
    _report(name, place)
    return 0


def list_(words: list[str]) -> int:
    """`freerun list [KIND]`."""
    from freerun import catalog

    kinds = {{"feedback": "feedback"}.get(kind, f"{kind}s"): kind for kind in catalog.KINDS}
    sections = [*kinds, "studies"]
    if len(words) > 1:
        raise ConfigError(f"freerun list takes one kind, got {len(words)}")
    if words and words[0] not in sections:
        raise ConfigError(f"{words[0]!r} is not a kind; {nearest(words[0], sections)}")
    for section in words or sections:
        entries = (
            _study_titles()
            if section == "studies"
            else {n: catalog.summary(p) for n, p in catalog.parts(kinds[section]).items()}
        )
        if not words:
            print(f"{section}:")
        width = max(map(len, entries))
        for name, text in entries.items():
            print(f"{'' if words else '  '}{name:{width}}  {text}")
    return 0


def check(words: list[str]) -> int:
    """`freerun check PATH_OR_NAME [overrides]`."""
    from freerun.check import main as check_part

    return check_part(words)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "study": study,
    "run": run,
    "table": table,
    "compare": compare,
    "figures": figures,
    "report": report,
    "list": list_,
    "check": check,
}


def _parser(name: str, *, trains: bool) -> _Parser:
    parser = _Parser(prog=f"freerun {name}", add_help=False, allow_abbrev=False)
    parser.add_argument("--results", type=Path, default=Path("results"))
    if trains:
        parser.add_argument("--workers", type=_count, default=os.cpu_count() or 1)
        parser.add_argument("--group", type=_count, default=32)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _place(options: argparse.Namespace) -> Place:
    from freerun.studies import Place

    return Place(results=options.results)


def _named(command: str, words: list[str]) -> tuple[str, Place]:
    parser = _parser(command, trains=False)
    parser.add_argument("name", nargs="?", default="first_look")
    options = parser.parse_intermixed_args(words)
    return options.name, _place(options)


def _study_titles() -> dict[str, str]:
    from freerun.compose import config_folder, presets
    from freerun.studies import read_yaml

    return {name: str(read_yaml(config_folder() / "study" / f"{name}.yaml").get("question", "")) for name in presets("study")}


def _do(chosen: Study, place: Place, options: argparse.Namespace, *, report: bool) -> int:
    from freerun import studies

    failed = studies.do(chosen, place, options.workers, options.group)
    _tables(chosen.name, place, show=True)
    if report:
        _report_if_needed(chosen.name, place)
    else:
        print(f"tables: {place.folder(chosen.name)}/   (freerun report {chosen.name} builds figures and a report)")
    for identity, reason in failed.items():
        print(f"failed: {identity}: {reason}", file=sys.stderr)
    return 1 if failed else 0


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn what a disk refuses into one line and exit code 3."""
    try:
        yield
    except OSError as fault:
        raise StoreError(f"{folder}: cannot be written to: {fault.strerror or fault}") from None


def _tables(name: str, place: Place, *, show: bool = False) -> None:
    from freerun import tables
    from freerun.studies import read_info

    info, folder = read_info(name, place), place.folder(name)
    frames = tables.frames(place.store, info["ids"], name, info["planned"])
    with _writing(folder):
        tables.write(frames, folder)
    if show:
        from freerun.report import summary
        from freerun.screen import show_results

        show_results(summary(frames))
    else:
        print(f"tables: {folder}/{{runs,curves,gaps,compared}}.{{parquet,csv}}")


def _frames(name: str, place: Place) -> tuple[Tables, Path]:
    from freerun import tables
    from freerun.studies import read_info

    info = read_info(name, place)
    return tables.frames(place.store, info["ids"], name, info["planned"]), place.folder(name)


def _figures(name: str, place: Place) -> None:
    from freerun import figures, tables
    from freerun.studies import read_info

    info, folder = read_info(name, place), place.folder(name)
    frames = tables.frames(place.store, info["ids"], name, info["planned"])
    with _writing(folder):
        drawn = figures.write(frames, tables.samples(place.store, info["ids"]), folder)
    for each in drawn:
        print(f"figure: {folder}/figures/{each.name}.{{svg,pdf,png}}")


def _report_if_needed(name: str, place: Place) -> None:
    from freerun.manifest import matches
    from freerun.studies import read_info

    folder = place.folder(name)
    if matches(folder, place.store, read_info(name, place)):
        print(f"report: {folder}/report.html (as before: nothing has changed)")
    else:
        print("building figures and report ...", flush=True)
        _report(name, place)


def _report(name: str, place: Place) -> None:
    from freerun import manifest
    from freerun.report import build
    from freerun.studies import read_info

    info, folder = read_info(name, place), place.folder(name)
    with _writing(folder):
        path = build(folder, place.store, info)
        manifest.write(folder, place.store, info)
    print(f"report: {path}")
