"""Queue of a cluster's tasks: one small file a task, so that a second command does not submit them again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from freerun.errors import refused
from freerun.io.reading import NotPlain, content, mapping
from freerun.io.writing import write_atomic
from freerun.store.records import Store

FOLDER, LARGEST = "queue", 2**24
_NAME = re.compile(r"[0-9]+(_[0-9]+)?")


def add(store: Store, job: str, runs: list[str]) -> None:
    """Note that a task has been submitted.

    Raises:
        StoreError: if the disk refuses.
    """
    path = _path(store, job)
    try:
        store.make_room(path)
        write_atomic(path, json.dumps({"runs": runs}).encode(), settle=False)
    except OSError as fault:
        raise refused(path, "cannot be written", fault) from None


def remove(store: Store, job: str) -> None:
    """Note that a task has ended."""
    with suppress(OSError):
        _path(store, job).unlink(missing_ok=True)


def listed(store: Store) -> Iterator[tuple[str, list[str]]]:
    """Yield every task that was submitted and is not known to have ended, with its runs."""
    for path in sorted((store.root / FOLDER).glob("*.json")):
        with suppress(OSError, NotPlain):
            runs = mapping(content(path, LARGEST)).get("runs")
            if _NAME.fullmatch(path.stem) and isinstance(runs, list) and all(isinstance(run, str) for run in runs):
                yield path.stem, runs


def age(store: Store, job: str) -> float:
    """Seconds since a task was submitted; 0 where nothing says so."""
    try:
        return time.time() - _path(store, job).stat().st_mtime
    except OSError:
        return 0.0


def _path(store: Store, job: str) -> Path:
    return store.root / FOLDER / f"{job}.json"
