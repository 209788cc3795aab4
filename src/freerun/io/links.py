"""Symbolic links in a folder of results: none leads out of it, so that nothing outside is read, written or removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from freerun.errors import StoreError


def demand_none(folder: Path, depth: int = 2) -> None:
    """Check that a folder is no link and nothing in it is one that leads out of it, down to some depth.

    Args:
        folder: need not be there.
        depth: levels below the folder that are looked at.

    Raises:
        StoreError: naming the first link.
    """
    for path in _links(folder, depth):
        if path == folder or not path.resolve().is_relative_to(folder.resolve()):  # Slurm's tools link to files beside
            raise _refused(path)


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
