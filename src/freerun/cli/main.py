"""What can be typed? The command line; nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import NoReturn

from freerun import arithmetic
from freerun.cli.arguments import COMMANDS
from freerun.errors import ConfigError, FreerunError, Terminated
from freerun.io.suggestions import nearest
from freerun.io.text import one_line

HELP = """\
freerun: how far does a recurrent model drift when its teacher lets go?

Train
  freerun run [key=value ...]               one experiment: task=lorenz63 model=gru regime=free_running seed=0
  freerun run -m [key=a,b ...]              a sweep over all listed values, in Hydra's syntax
  freerun study [NAME] [key=value ...]      a named sweep (first_look), with tables, figures and report
  freerun search [key=interval(a,b) ...]    look for the best values of numeric keys (needs the extra optuna)
  freerun plan [NAME] [key=value ...]       what a study would do: runs, groups, time, memory; trains nothing
  freerun status [NAME]                     what is pending, running, done, diverged, failed, and why
  freerun retry NAME                        do the failed runs of a study again, and those that are left
Look
  freerun table | figures | report [NAME]   build again from the records alone, without training
  freerun compare A B [--study NAME]        which is better: two regimes or models of a study, or two studies
  freerun export NAME [--to FORMAT]         one tidy file (parquet), all tables as csv, or tensorboard, mlflow
  freerun list [KIND]                       tasks, models, regimes, feedback, objectives, metrics, launchers, studies
Keep
  freerun check NAME | FILE.py [key=value]  hold a part, built in or your own, to the laws of its kind
  freerun clean [NAME --yes]                remove what is left over; with NAME a study and its records
  freerun completion bash|zsh|fish          what your shell needs to complete names and keys

Options of all but list, check, completion
  --results DIR    where results are (default: results)
Options of study, run, search, plan, retry
  --workers N      worker processes (short for launcher.workers=N; default: one a core)
  --group N        most runs that train together (short for launcher.group=N; default: 32)
Option of study, run, search, plan
  --as NAME        the results are DIR/NAME
Options of run
  -m, --multirun   take several values of a key as a sweep (also of plan)
  --cfg job        print the resolved experiment and stop
Options of search
  --trials N       how many points to try (default: 20); the same command goes on where it stopped
  --target TEXT    what is to be best: metric,mode,split (default: loss,free,validation)
  --maximize, --minimize   the target is to be large, small (default: whichever is better for its metric)
Option of table
  --format md|latex|csv|parquet   the table of a paper, as results/NAME/table.*
Option of figures
  --format svg|png|pdf   this alone (default: svg and png)
Options of export
  --to FORMAT      parquet (the default), csv (a folder), tensorboard, mlflow (both need the extra track)
  --out PATH       the file or folder to write (default: results/NAME/export.parquet, or a folder of the format's name there)
Options of check
  --kind KIND      which kind, where a name or a file stands for several
  --limit SECONDS  most time for a law (default: 60)
Keys of run, study, search, plan, retry beside those of the experiment
  launcher=NAME launcher.KEY=VALUE   where groups are trained: local, inline, joblib, slurm, ray (freerun list launchers)
  plugins=[FILE.py]                  your own parts, by the name of their file

Exit codes: 0 all done (with launcher.wait=false: all done or handed over), 1 some runs failed or laws are broken,
2 bad configuration, 3 results folder unusable, 130 interrupted, 143 ended by SIGTERM.
"""


def main(arguments: list[str] | None = None) -> NoReturn:
    """The console script: runs a command and ends the process with its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        with _terminable():
            code = dispatch(words)
        sys.stdout.flush()
    except FreerunError as fault:
        print(f"freerun: {one_line(fault)}", file=sys.stderr)
        code = fault.code
    except KeyboardInterrupt as asked:
        by, code = (" by SIGTERM", 143) if isinstance(asked, Terminated) else ("", 130)
        print(f"freerun: interrupted{by}; finished runs are kept, the same command goes on", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    except Exception as fault:
        if os.environ.get("FREERUN_DEBUG"):
            raise
        said = one_line(f"{type(fault).__name__}: {fault}", 110)
        print(f"freerun: a fault of the program, {said} (FREERUN_DEBUG=1 shows where)", file=sys.stderr)
        code = 1
    sys.exit(code)


@contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM end what is done here as Ctrl-C does; only once, so that nothing disturbs the cleaning up.

    A child that is forked from here dies of it as ever; where somebody else sees to the signal, or ignores it, that stands.
    """
    mine, plain = os.getpid(), signal.SIG_DFL
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not plain:
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        if os.getpid() == mine:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            raise Terminated
        signal.signal(signal.SIGTERM, plain)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, plain)


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
    arithmetic.mode()  # one that does not exist is refused before anything is made
    code: int = import_module(f"freerun.cli.commands.{words[0]}").main(words[1:])
    return code
