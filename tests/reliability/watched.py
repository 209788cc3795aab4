"""Watched reading: an audit hook that stops and notes whatever runs, connects or writes elsewhere."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from freerun.io.text import CHOICES

#: Events that reading a file never needs.
FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn", "socket.",
    "ftplib.", "urllib.", "http.", "smtplib.", "pickle.find_class", "ctypes.dlopen", "ctypes.dlsym", "webbrowser.",
    "code.__new__", "os.chmod", "os.chown", "os.kill", "os.putenv", "os.unsetenv", "shutil.", "os.symlink", "os.link",
)  # fmt: skip
#: Events that change the file system; the first argument, or the last, is where.
WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate")
#: What every hostile payload says, should it be run.
PAYLOAD = "PWNED"
_TRUSTED = tuple(
    str(Path(place).resolve())
    for place in (
        sys.prefix,
        sys.base_prefix,
        sysconfig.get_path("stdlib"),
        Path(__file__).parents[2] / "src",
        Path(__file__).parents[1],
    )
)
_state: dict[str, Any] = {"on": False, "found": [], "folders": ()}


class Stopped(BaseException):
    """Something ran that must not; no handler of ours may swallow it."""


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _state["on"]:
        return
    if event.startswith(FORBIDDEN) or _runs_foreign(event, arguments) or _writes_elsewhere(event, arguments):
        _state["found"].append(f"{event} {arguments!r}"[:300])
        raise Stopped(f"{event} {arguments!r}"[:300])


def _runs_foreign(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "compile":
        source, file = arguments
        text = source.decode("utf-8", "replace") if isinstance(source, bytes) else str(source)
        return PAYLOAD in text or _foreign(file)
    return event == "exec" and _foreign(getattr(arguments[0], "co_filename", ""))


def _foreign(file: object) -> bool:
    name = os.fspath(file) if isinstance(file, os.PathLike) else str(file)
    return not name.startswith(("<", *_TRUSTED)) and os.sep in name


def _writes_elsewhere(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        path, mode, flags = arguments
        writes = (
            any(letter in mode for letter in "wax+")
            if isinstance(mode, str)
            else bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        )
        return writes and _outside(path)
    return event in WRITES and any(_outside(path) for path in arguments if isinstance(path, (str, bytes, os.PathLike)))


def _outside(path: object) -> bool:
    if isinstance(path, int) or not isinstance(path, (str, bytes, os.PathLike)):
        return False
    where = os.path.abspath(os.fsdecode(path))
    return where != os.devnull and not where.startswith(_state["folders"])


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Within, nothing may run, connect, or write outside `folder`.

    Raises:
        AssertionError: if something did.
    """
    if not _state.get("installed"):
        sys.addaudithook(_hook)
        _state["installed"] = True
    scratch = str(Path(tempfile.gettempdir()) / "matplotlib-")
    _state.update(on=True, found=[], folders=(str(folder.resolve()), str(folder), scratch))
    try:
        yield
    except Stopped as fault:
        raise AssertionError(f"reading did more than read: {fault}") from None
    finally:
        _state["on"] = False
    assert not _state["found"], f"reading did more than read: {_state['found'][0]}"


def one_line(fault: Exception, most: int | None = None) -> None:
    """What a fault says is one line, of at most so many characters before a list of valid choices."""
    text, _, choices = str(fault).partition(CHOICES)
    assert "\n" not in text + choices, f"{text[:80]!r}: several lines"
    assert most is None or len(text) <= most, f"{text[:80]}: {len(text)} characters"
