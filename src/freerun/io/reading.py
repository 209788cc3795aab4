"""Bounded reading of files from outside, as plain data.

A file may be a pipe that never ends, a device, a directory, larger than memory, or nested deeper than a parser can go; a name
may hold anything that a terminal obeys.
"""

from __future__ import annotations

import os
import stat
from functools import cache
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec

#: Most bytes of a JSON file beside the records, and of a file of data.
LARGEST_JSON, LARGEST_DATA = 2**28, 2**32
#: Folders whose files are made by the kernel as they are read, without an end some of them.
_MADE_UP = ("/proc", "/sys")


class NotPlain(ValueError):
    """A file that is no regular file, is too large, or holds other than it should."""


def opened(path: Path | str) -> FileIO:
    """Open a regular file for reading; pipes, devices and what a kernel makes up (`/proc`) are refused at once.

    Raises:
        OSError: if it cannot be read.
        NotPlain: if it is no regular file.
    """
    try:
        demand_plain(Path(path).stat())
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError as fault:
        raise fault if isinstance(fault, NotPlain) else NotPlain(str(fault)) from None
    try:
        demand_plain(os.fstat(handle))
    except NotPlain:
        os.close(handle)
        raise
    return FileIO(handle)


def demand_plain(state: os.stat_result) -> None:
    """Refuse what is no file on a disk.

    Raises:
        NotPlain: for a folder, a pipe, a device, or a file that a kernel makes up.
    """
    if not stat.S_ISREG(state.st_mode):
        raise NotPlain("not a regular file")
    if state.st_dev in _made_up():
        raise NotPlain("not a plain file but one of the kernel's")


@cache
def _made_up() -> frozenset[int]:
    """Return the numbers of the file systems that a kernel makes up."""
    folders = [Path(folder) for folder in _MADE_UP]
    return frozenset(folder.stat().st_dev for folder in folders if folder.is_dir()) - {Path("/").stat().st_dev}


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
