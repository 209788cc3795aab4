"""Folder of a store: no link leads out of it, and it stays the one that it was, whatever becomes of its name.

A folder is known by what the system numbers it. One that is renamed, moved or removed while a command works on it ends that
command: a store that is split in two is worse.
"""

from __future__ import annotations

from pathlib import Path

from freerun.errors import StoreError, refused
from freerun.io import links, processes
from freerun.io.writing import sweep_temporaries


class StoreFolder:
    """The folder of a store, which need not be there yet.

    Attributes:
        root: the folder.

    Raises:
        StoreError: if the folder is a link, or holds one that leads out of it.
    """

    def __init__(self, root: Path) -> None:
        links.demand_none(root)
        self.root = root
        self._known_as = _number(root)

    def open(self) -> None:
        """Make the folder, see that it can be written to, and clear away what killed writers left.

        Raises:
            StoreError: if it cannot.
        """
        self.demand_here()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe.{processes.name()}.tmp"
            probe.write_bytes(b"")
            probe.unlink()
            sweep_temporaries(self.root)
        except OSError as fault:
            raise refused(self.root, "cannot be written to", fault) from None
        self._known_as = _number(self.root)

    def demand_here(self) -> None:
        """Check that the folder is still the one that it was.

        Raises:
            StoreError: if it was renamed, moved or removed meanwhile, or another one has its name.
        """
        if self._known_as is not None and _number(self.root) != self._known_as:
            raise self.gone()

    def gone(self) -> StoreError:
        """Return the error for a folder that is not where it was."""
        return StoreError(
            f"{self.root}: was renamed, moved or removed meanwhile; what is done is in it, and with its old name the same "
            "command goes on"
        )

    def make_room(self, path: Path) -> None:
        """Make the folder of a file of the store, never the store itself once it was there.

        Raises:
            StoreError: see `demand_here`.
            OSError: if the disk refuses.
        """
        self.demand_here()
        if self._known_as is None:
            self.root.mkdir(parents=True, exist_ok=True)
            self._known_as = _number(self.root)
        try:
            path.parent.mkdir(exist_ok=True)
        except FileNotFoundError:
            self.demand_here()
            raise


def _number(folder: Path) -> tuple[int, int] | None:
    """Return by what the system knows a folder, whatever its name; None for none."""
    try:
        state = folder.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino
