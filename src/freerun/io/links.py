"""Symbolic links in a folder of results: none leads out of it, so that nothing outside is read, written or removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from freerun.errors import StoreError

#: Levels below a store that are looked at; no file of its own lies deeper.
_DEEPEST = 16


def demand_none(folder: Path) -> None:
    """Check that a folder, which need not be there, is no link, and nothing below it is one that leads out of it or nowhere.

    Raises:
        StoreError: naming the first link.
    """
    for path in _links(folder, _DEEPEST):
        if path == folder or not _inside(path, folder):  # Slurm's tools link to files beside
            raise _refused(path)


def _inside(path: Path, folder: Path) -> bool:
    """Whether a link leads to something in a folder."""
    try:
        return path.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # nothing there, or a link to itself
        return False


def demand_no_folder_links(folder: Path) -> None:
    """Check that neither a study's folder nor a folder in it is a link, nor a file that is read as data; a user's own may be.

    Raises:
        StoreError: naming the first link.
    """
    for path in _links(folder, 1):
        if path == folder or path.is_dir() or path.suffix == ".json":
            raise _refused(path)


def _links(folder: Path, depth: int) -> Iterator[Path]:
    if folder.is_symlink():
        yield folder
    elif depth and folder.is_dir():
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_symlink():
                    yield Path(entry.path)
                elif depth > 1 and entry.is_dir(follow_symlinks=False):
                    yield from _links(Path(entry.path), depth - 1)


def _refused(path: Path) -> StoreError:
    return StoreError(f"{path}: is a link, and nothing outside the results is read, written or removed; remove the link")
