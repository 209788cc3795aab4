"""Atomic writing: a file is written beside its place, then moved there, so that it is always whole."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from freerun.errors import ConfigError
from freerun.io import processes
from freerun.io.text import one_line

#: Seconds after which what another machine was writing is given up.
DAY = 86_400.0
#: Bytes by which files of one kind are told from others.
_BEGIN = 4
_noted: ContextVar[list[Path] | None] = ContextVar("noted", default=None)


@contextmanager
def noted() -> Iterator[list[Path]]:
    """Collect the files that `write_atomic` writes in this thread while the context is open."""
    paths: list[Path] = []
    token = _noted.set(paths)
    try:
        yield paths
    finally:
        _noted.reset(token)


def write_atomic(path: Path, content: bytes, *, settle: bool = True) -> None:
    """Write a file so that under its name there is always the old content or the new one, whole.

    Args:
        path: of the file.
        content: all of it.
        settle: force it to disk, so that it outlives the machine; without it, only the process.

    Raises:
        OSError: if the disk refuses. Whatever interrupts, the temporary file is removed.
    """
    temporary = path.with_name(f".{path.name}.{processes.name()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            if settle:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if (written := _noted.get()) is not None:
        written.append(path)
    if settle:
        _sync_folder(path.parent)


def demand_own(path: Path, content: bytes) -> None:
    """Refuse to write over what is no plain file, or begins otherwise than what is to be written: it is somebody's own.

    Raises:
        ConfigError: naming it.
    """
    if not os.path.lexists(path):
        return
    if not path.is_file():
        raise ConfigError(f"{one_line(path, 120)}: is no plain file; name another one")
    with path.open("rb") as file:
        begin = file.read(_BEGIN)
    if begin and not content.startswith(begin):
        raise ConfigError(
            f"{one_line(path, 120)}: holds something else than what would be written; move it, or name another file"
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as fault:  # some file systems cannot fsync a folder
        if fault.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def sweep_temporaries(folder: Path) -> None:
    """Remove temporary files of dead writers below a folder; those of another machine's writers when they are a day old.

    Raises:
        OSError: if the disk refuses.
    """
    for path in [*folder.glob(".*.tmp"), *folder.glob("*/.*.tmp")]:
        writer = processes.alive(path.name.split(".")[-2])
        with suppress(FileNotFoundError):
            if (time.time() - path.stat().st_mtime > DAY) if writer is None else not writer:
                path.unlink(missing_ok=True)
