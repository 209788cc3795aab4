"""Ctrl-C while the program is still being imported: one line and exit code 130, as later, and no traceback.

Imported before anything else of the package. A process that only uses the package keeps its own handling.
"""

import os
import signal
import sys
from types import FrameType

LINE = "freerun: interrupted; finished runs are kept, the same command goes on\n"
CODE = 130


def is_program(words: list[str]) -> bool:
    """Return whether this is a process of the command line, by the words that started it (`sys.orig_argv`)."""
    options = iter(words[1:])
    script = words[0] if words else ""
    for word in options:
        if word == "-m":
            return next(options, "") == "freerun"
        if not word.startswith("-"):
            script = word if not _named(script) else script
            break
        if word in ("-X", "-W"):
            next(options, None)
    return _named(script)


def _named(path: str) -> bool:
    return os.path.basename(path) in ("freerun", "freerun.exe")  # noqa: PTH119 - nothing is imported


def _end(number: int, frame: FrameType | None) -> None:
    try:
        os.write(2, LINE.encode())
    finally:
        os._exit(CODE)


def watch() -> None:
    """End the process at the first Ctrl-C, unless somebody handles or ignores it."""
    if is_program(sys.orig_argv) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def leave() -> None:
    """Let Ctrl-C be an exception again, which the command line is ready for."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
