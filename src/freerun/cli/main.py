"""The command line: help, dispatch, exit codes; nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import NoReturn

from freerun import arithmetic, early_interrupt
from freerun.cli import hydra_options
from freerun.cli.arguments import COMMANDS, GROUPS, HelpShown
from freerun.cli.steady_output import steady
from freerun.errors import ConfigError, FreerunError, StoreError, Terminated, refused
from freerun.io.suggestions import nearest
from freerun.io.text import brief, message, one_line

HELP = """\
Freerun: how far does a recurrent model drift when its teacher lets go?

usage: freerun COMMAND [names] [key=value ...] [options]
{commands}
freerun COMMAND --help shows the options, the keys and two examples of a command.
freerun --version shows the version, freerun --help this page.
FREERUN_ARITHMETIC=portable|avx2|native, in the environment, chooses the arithmetic: the same bits, or speed.

Exit codes: 0 all done (with launcher.wait=false: all done or handed over), 1 some runs failed or are missing, or a law
is broken, 2 bad configuration, 3 results folder unusable, 4 the time of --hours is over and runs are left,
130 interrupted, 143 ended by SIGTERM.
"""


def _help() -> str:
    """Return the page of all commands, with a line for each."""
    width = max(map(len, COMMANDS))
    lines = []
    for title, group in GROUPS.items():
        lines += ["", title, *(f"  {name:{width}}  {line}" for name, line in group.items())]
    return HELP.format(commands="\n".join([*lines, ""]))


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command and end the process with its exit code; the entry point of the console script."""
    words = sys.argv[1:] if arguments is None else arguments
    if "MPLBACKEND" in os.environ:  # a command shows no window; matplotlib refuses to start with a backend that it lacks
        os.environ["MPLBACKEND"] = "agg"
    with steady() as output:
        code = _ended(words)
    if output.refused is not None:
        with steady():  # where nothing can be said either
            print(f"freerun: what was said is lost: {output.refused.strerror}; the work itself is not", file=sys.stderr)
        code = code or 1
    sys.exit(code)


def _ended(words: list[str]) -> int:
    """Run a command; return its exit code, after one line for whatever went wrong."""
    try:
        early_interrupt.leave()
        with _terminable(), _outliving_its_terminal():
            code = dispatch(words)
    except FreerunError as fault:
        print(f"freerun: {message(fault)}", file=sys.stderr)
        code = fault.code
    except PermissionError as fault:  # of whatever file or folder is somebody else's
        print(f"freerun: {message(refused(fault.filename or 'a file', 'is not yours to use', fault))}", file=sys.stderr)
        code = StoreError.code
    except KeyboardInterrupt as asked:
        by, code = (" by SIGTERM", 143) if isinstance(asked, Terminated) else ("", early_interrupt.CODE)
        print(early_interrupt.LINE.replace("interrupted", f"interrupted{by}"), end="", file=sys.stderr)
    except Exception as fault:
        if os.environ.get("FREERUN_DEBUG"):
            raise
        problem = one_line(f"{type(fault).__name__}: {fault}", 80)
        print(
            f"freerun: unexpected error, {problem}; run it again with FREERUN_DEBUG=1 and report the traceback", file=sys.stderr
        )
        code = 1
    return code


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn the first SIGTERM into `Terminated`, so that it ends the command as Ctrl-C does; later ones are ignored.

    Forked children die of the signal as usual; a handler that is already set, also one that ignores it, is left in place.
    """
    own_pid, plain = os.getpid(), signal.SIG_DFL
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not plain:
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        if os.getpid() == own_pid:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            raise Terminated
        signal.signal(signal.SIGTERM, plain)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, plain)


@contextmanager
def _outliving_its_terminal() -> Iterator[None]:
    """Go on when the terminal is closed (SIGHUP), as what is started meanwhile does; another handler stays in place."""
    hangup = getattr(signal, "SIGHUP", None)
    in_main = threading.current_thread() is threading.main_thread()
    if hangup is None or not in_main or signal.getsignal(hangup) is not signal.SIG_DFL:
        yield
        return
    signal.signal(hangup, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(hangup, signal.SIG_DFL)


def dispatch(words: list[str]) -> int:
    """Run one command; returns its exit code.

    Raises:
        FreerunError: for everything a user can mend.
    """
    if odd := next((word for word in words if any("\ud800" <= letter <= "\udfff" for letter in word)), None):
        raise ConfigError(_undecoded(odd))
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help(), end="")
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"freerun {version('freerun')}")
        return 0
    if words[0] not in COMMANDS:
        if habit := hydra_options.foreign(words[:1], ()):
            raise ConfigError(habit)
        if words[0].startswith("-") or "=" in words[0]:
            raise ConfigError(
                f"{brief(words[0])}: a command stands first, such as freerun run key=value or freerun plan key=value"
            )
        raise ConfigError(f"{brief(words[0])} is not a command; {nearest(words[0], COMMANDS)}")
    _demand_folder()
    arithmetic.mode()  # one that does not exist is refused before anything is made
    try:
        code: int = import_module(f"freerun.cli.commands.{words[0]}").main(words[1:])
    except HelpShown:
        return 0
    return code


def _undecoded(word: str) -> str:
    """Return what is wrong with a word that could not be decoded: its bytes, or a locale of ASCII alone."""
    try:
        shown = os.fsencode(word).decode("utf-8")
    except UnicodeError:
        return f"{brief(word)}: is not UTF-8"
    return f"{brief(shown)}: this locale knows no such letters; export LC_ALL=C.UTF-8 and run the same command again"


def _demand_folder() -> None:
    """Refuse to work in a folder that has been removed meanwhile.

    Raises:
        StoreError: if the working folder is gone.
    """
    try:
        Path.cwd()
    except OSError as fault:
        raise StoreError(f"the working folder is gone: {fault.strerror}; change to one that is there") from None
