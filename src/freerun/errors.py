"""Errors that a user can cause, and their exit codes."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TypeVar


class FreerunError(Exception):
    """A fault with one clear line for the user; `code` is the exit code of the command."""

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


class OutOfTime(FreerunError):
    """The hours that were given are over, and runs are left (exit code 4).

    Attributes:
        failed: the reason for every run that failed before.
    """

    code = 4

    def __init__(self, text: str, failed: dict[str, str]) -> None:
        super().__init__(text)
        self.failed = failed


class Terminated(KeyboardInterrupt):
    """Somebody has asked the process to end (SIGTERM); whatever an interrupt stops, this stops too."""


#: What helps where a disk refuses; by the number of its error.
REMEDIES = {
    errno.ENOSPC: "free some and run the same command again",
    errno.EDQUOT: "free some of your quota and run the same command again",
    errno.EROFS: "put --results where you may write",
    errno.EMFILE: "raise ulimit -n and run the same command again",
}


def refused(path: Path | str, what: str, fault: OSError) -> StoreError:
    """What a disk refuses, as the one line for the user, with what helps against it where that is known.

    Args:
        path: of the file or folder.
        what: was refused: `cannot be written`.
        fault: as the system told it.
    """
    remedy = REMEDIES.get(fault.errno or 0)
    return StoreError(f"{path}: {what}: {fault.strerror or fault}{f'; {remedy}' if remedy else ''}")


Kind = TypeVar("Kind")


def given(value: Kind | None) -> Kind:
    """A value that has been filled in by now.

    Raises:
        TypeError: if it has not, which is a fault of the program.
    """
    if value is None:
        raise TypeError("a setting has not been resolved")
    return value


def require(ok: bool, key: str, value: object, rule: str) -> None:
    """Raise ``ValueError("key must rule, got value")`` unless `ok`: the one form of every range check.

    Raises:
        ValueError: if `ok` is false.
    """
    if not ok:
        shown = repr(value)
        raise ValueError(f"{key} must {rule}, got {shown if len(shown) <= 60 else shown[:57] + '...'}")
