"""Notes on a trained run, left by the worker that does it, told once by the sweep that asked for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from freerun.errors import refused
from freerun.io import reading
from freerun.io.text import one_line
from freerun.io.writing import write_atomic
from freerun.store.records import IDENTITY, Store, trained_run

FOLDER = "notes"
#: Most bytes of the notes of a run, and most characters of one that are shown.
LARGEST, LONGEST = 2**16, 400


def leave(store: Store, run: str, text: str) -> None:
    """Leave a note, one line, beside those that the run has.

    Raises:
        StoreError: if the disk refuses.
    """
    run = trained_run(run)
    path = store.root / FOLDER / run
    lines = dict.fromkeys([*_lines(store, run), one_line(text, LONGEST)])
    try:
        store.make_room(path)
        write_atomic(path, "\n".join(lines).encode(), settle=False)
    except OSError as fault:
        raise refused(path, "cannot be written", fault) from None


def copy(store: Store, other: Store) -> None:
    """Leave in another store the notes that one store has and that nobody was told.

    Raises:
        StoreError: if the disk refuses.
    """
    folder = store.root / FOLDER
    for run in sorted(path.name for path in folder.iterdir()) if folder.is_dir() else ():
        if IDENTITY.fullmatch(run):
            for line in _lines(store, run):
                leave(other, run, line)


def take(store: Store, runs: Iterable[str]) -> Counter[str]:
    """Return the notes of some runs with the number of runs that each belongs to, and remove them from the store.

    Raises:
        StoreError: if the disk refuses.
    """
    notes: Counter[str] = Counter()
    folder = store.root / FOLDER
    try:
        noted = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        for run in sorted(noted.intersection(map(trained_run, runs))):
            notes.update(one_line(line, LONGEST) for line in _lines(store, run))
            (folder / run).unlink(missing_ok=True)
    except OSError as fault:
        raise refused(folder, "cannot be read", fault) from None
    return notes


def _lines(store: Store, run: str) -> list[str]:
    try:
        text = reading.content(store.root / FOLDER / run, LARGEST).decode(errors="replace")
    except FileNotFoundError:
        return []
    except reading.NotPlain as fault:
        return [f"the notes of run {run} cannot be read: {fault}"]
    return text.splitlines()
