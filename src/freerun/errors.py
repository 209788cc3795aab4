"""Errors that a user can cause, and their exit codes."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TypeVar


class FreerunError(Exception):
    """An error that is told to the user in one line; `code` is the exit code of the command."""

    code = 1


class ConfigError(FreerunError):
    """The experiment or the command line is wrong (exit code 2)."""

    code = 2


class StoreError(FreerunError):
    """The folder for results cannot be used (exit code 3)."""

    code = 3


class CorruptRecord(FreerunError):
    """A record on disk is torn or altered; its run has to be done again."""

    code = 3


class Terminated(KeyboardInterrupt):
    """Somebody has asked the process to end (SIGTERM); whatever an interrupt stops, this stops too."""


#: Remedies for what an operating system refuses, by the number of its error.
REMEDIES = {
    errno.ENOSPC: "free some and run the same command again",
    errno.EDQUOT: "free some of your quota and run the same command again",
    errno.EROFS: "put --results where you may write",
    errno.EMFILE: "raise ulimit -n and run the same command again",
}


def refused(path: Path | str, what: str, fault: OSError) -> StoreError:
    """Return the error for what the operating system refused, in one line, with the remedy where one is known.

    Args:
        path: of the file or folder.
        what: the action that was refused: `cannot be written`.
        fault: the error of the operating system.
    """
    remedy = REMEDIES.get(fault.errno or 0)
    return StoreError(f"{path}: {what}: {fault.strerror or fault}{f'; {remedy}' if remedy else ''}")


Kind = TypeVar("Kind")


def given(value: Kind | None) -> Kind:
    """Return a value that has been filled in by now.

    Raises:
        TypeError: if it has not; that is a bug in Freerun.
    """
    if value is None:
        raise TypeError("a setting that Freerun fills in itself is still empty")
    return value


def require(ok: bool, key: str, value: object, rule: str) -> None:
    """Raise ``ValueError("key must rule, got value")`` unless `ok`: the one form of every range check.

    Raises:
        ValueError: if `ok` is false.
    """
    if not ok:
        shown = repr(value)
        raise ValueError(f"{key} must {rule}, got {shown if len(shown) <= 60 else shown[:57] + '...'}")
