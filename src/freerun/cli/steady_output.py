"""Standard output that may be closed, broken or full: the work goes on, and what became of the output is said at the end."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast


class SteadyOutput:
    """A stream that takes whatever is written to it, also when nobody takes it any more.

    Attributes:
        refused: why it was not taken; None while it is. That a reader has gone, as `head` or a closed terminal, is no refusal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._at_terminal = stream, stream.isatty()
        self.refused: OSError | None = None

    def write(self, text: str) -> int:
        """Write text, or lose it."""
        try:
            return self._stream.write(text)
        except OSError as fault:
            self._lose(fault)
        return len(text)

    def flush(self) -> None:
        """Hand over what was written, or lose it."""
        try:
            self._stream.flush()
        except OSError as fault:
            self._lose(fault)

    def _lose(self, fault: OSError) -> None:
        """Let everything from now on, and what is waiting, go nowhere."""
        if not isinstance(fault, BrokenPipeError) and not (self._at_terminal and fault.errno == errno.EIO):
            self.refused = fault
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def steady() -> Iterator[SteadyOutput]:
    """Make standard output and error steady, the former for the caller to look at in the end.

    A stream that is closed is opened to nowhere, so that no file takes its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which gets the lowest number that is free
    before = sys.stdout, sys.stderr
    output, errors = (SteadyOutput(stream or _opened(number)) for number, stream in enumerate(before, 1))
    sys.stdout, sys.stderr = cast("TextIO", output), cast("TextIO", errors)
    try:
        yield output
    finally:
        output.flush()
        errors.flush()
        sys.stdout, sys.stderr = before


def _opened(number: int) -> TextIO:
    """A stream on a file that is open for the life of the process."""
    return open(number, "w", encoding="utf-8", closefd=False)
