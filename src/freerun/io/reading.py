"""Bounded reading of files from outside, as plain data.

A file may be a pipe that never ends, a device, a directory, larger than memory, or nested deeper than a parser can go; a name
may hold anything that a terminal obeys.
"""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec

#: Most bytes of a JSON file beside the records.
LARGEST_JSON = 2**28


class NotPlain(ValueError):
    """A file that is no regular file, is too large, or holds other than it should."""


def opened(path: Path | str) -> FileIO:
    """Open a regular file for reading; pipes and devices are refused at once.

    Raises:
        OSError: if it cannot be read.
        NotPlain: if it is no regular file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError as fault:
        raise NotPlain(str(fault)) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotPlain("not a regular file")
    return FileIO(handle)


def content(path: Path | str, most: int | None = None) -> bytes:
    """Return all bytes of a regular file.

    Args:
        path: of the file.
        most: bytes; None for no limit.

    Raises:
        OSError: if it cannot be read.
        NotPlain: if it is no regular file, or larger than `most` bytes.
    """
    with opened(path) as file:
        if most is not None and os.fstat(file.fileno()).st_size > most:
            raise NotPlain(f"larger than {most} bytes")
        return file.readall()


def mapping(text: bytes) -> dict[str, Any]:
    """Decode a JSON mapping.

    Raises:
        NotPlain: if it is no JSON, nested too deep, or anything but a mapping.
    """
    try:
        decoded = msgspec.json.decode(text)
    except (ValueError, RecursionError) as fault:
        raise NotPlain(f"not JSON: {str(fault)[:60]}") from None
    if not isinstance(decoded, dict):
        raise NotPlain("not a mapping")
    return decoded
