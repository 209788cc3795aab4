"""Failures: notes of why a run failed, and what was printed at the time, where its record would stand.

A run that has failed has no record, so the same command tries it again; a record that is written at last forgets the failure.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from freerun.errors import StoreError, refused
from freerun.io import reading
from freerun.io.text import one_line
from freerun.io.writing import write_atomic

#: Most characters of the log of a failed run.
LONGEST_LOG = 20_000
#: Most bytes of the reason of a failure, and most characters of it that are shown.
LARGEST_REASON, LONGEST_REASON = 2**20, 1_000


class Failures:
    """The failures of the runs of one store.

    Args:
        path: gives the file of a run's record.
        make_room: makes the folder of a file.
    """

    def __init__(self, path: Callable[[str], Path], make_room: Callable[[Path], None]) -> None:
        self._path, self._make_room = path, make_room

    def note(self, run: str, reason: str) -> None:
        """Note why a run failed.

        Raises:
            StoreError: if the disk refuses.
        """
        path = self._path(run).with_suffix(".failed")
        try:
            self._make_room(path)
            write_atomic(path, reason.encode())
        except OSError as fault:
            raise refused(path, "cannot be written", fault) from None

    def reason(self, run: str) -> str | None:
        """Return why the last try of a run failed; None if it has not failed."""
        try:
            text = reading.content(self._path(run).with_suffix(".failed"), LARGEST_REASON).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except reading.NotPlain as fault:
            return f"the reason cannot be read: {fault}"
        return one_line(text, LONGEST_REASON)

    def log(self, run: str, text: str) -> None:
        """Write the log of a failed run, for whoever looks for the cause; an error of the disk is ignored here."""
        path = self._path(run).with_suffix(".log")
        with suppress(OSError, StoreError):
            self._make_room(path)
            write_atomic(path, text[-LONGEST_LOG:].encode(errors="replace"), settle=False)

    def copy(self, run: str, other: Failures) -> None:
        """Note that a run has failed as another store does, with its log.

        Raises:
            StoreError: if the disk refuses.
        """
        with suppress(OSError, reading.NotPlain):
            log = reading.content(other._path(run).with_suffix(".log"), LARGEST_REASON)
            self.log(run, log.decode("utf-8", errors="replace"))
        if (reason := other.reason(run)) is not None:
            self.note(run, reason)

    def forget(self, run: str) -> None:
        """Forget that a run has failed: it is tried again.

        Raises:
            StoreError: if the disk refuses.
        """
        for suffix in (".failed", ".log"):
            path = self._path(run).with_suffix(suffix)
            try:
                path.unlink(missing_ok=True)
            except OSError as fault:
                raise refused(path, "cannot be removed", fault) from None
