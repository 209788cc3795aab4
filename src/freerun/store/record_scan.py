"""Scan of many records: which runs are done, diverged, missing or damaged, read ahead of whoever asks.

Every record is read and looked at as `Store` does it for one. What does not pass at once is asked for again there, for records
are read ahead, and another process may have put things right meanwhile.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from freerun.errors import CorruptRecord, StoreError
from freerun.io.text import command, one_line
from freerun.store import player_records, record_schema
from freerun.store.records import Store, trained_run

#: Records that are read at once, how many such parts may wait to be looked at, and the threads that read.
PART, _AHEAD, _READERS = 64, 4, 2
_Result = TypeVar("_Result")
#: The text of a record, or of a measurement and its trained run.
Texts = tuple[bytes] | tuple[bytes, bytes] | None


def missing(store: Store, runs: Iterable[str]) -> list[str]:
    """Return the runs that are not done, in their order, as `player_records.complete` says; broken records are set aside.

    That is: without a sound record, or without one of the players that belong to it.
    """
    present: dict[str, bool] = {}

    def sound(run: str, texts: Texts) -> bool:
        try:
            if texts is None:
                return False
            if len(texts) == 1:
                store.demand_whole(run, *texts)
                return True
            players = player_records.of(store.whole(run, *texts))
        except CorruptRecord:
            return False
        if players is not None and players not in present:
            present[players] = player_records.has(store, players)
        return players is None or present[players]

    return [run for run, texts in _texts(store, runs) if not sound(run, texts) and not player_records.complete(store, run)]


def statuses(store: Store, runs: Iterable[str]) -> dict[str, str]:
    """Return the status of many runs by identity, as `Store.status` does; runs without a sound record are left out."""
    status_by_run = {}
    for run, texts in _texts(store, runs):
        identities = dict.fromkeys((run, trained_run(run)))
        try:
            bodies = zip(identities, texts or (), strict=False)
            ends = [record_schema.status(body, identity, store.place(identity)) for identity, body in bodies]
            status = ends[-1] if ends else store.status(run)
        except CorruptRecord:
            status = store.status(run)
        if status is not None:
            status_by_run[run] = status
    return status_by_run


def damaged(store: Store, undone: Iterable[str]) -> list[str]:
    """Return the undone runs of which a broken record was set aside before, or is set aside now.

    A record that the disk does not let move stays where it is.
    """

    def broken(run: str) -> bool:
        try:
            return store.path(run).exists() and not store.has(run)
        except StoreError:
            return True

    runs = list(undone)
    broken_runs = {run for run in runs if broken(run)}
    aside = {path.name.partition(".")[0] for path in (store.root / "aside").glob("*.json")}
    return [run for run in runs if run in broken_runs or (run in aside and not store.path(run).exists())]


def say_damaged(study: str, store: Store, undone: Iterable[str]) -> None:
    """Print on standard error how many of a study's runs have no result because their records were damaged."""
    if broken := damaged(store, undone):
        records = "1 damaged record was" if len(broken) == 1 else f"{len(broken)} damaged records were"
        sentence = (
            f"{records} set aside in {store.root}/aside; {command(['retry', study], store.root.parent)} does those runs again"
        )
        print(f"freerun: {one_line(sentence)}", file=sys.stderr, flush=True)


def _texts(store: Store, runs: Iterable[str]) -> Iterator[tuple[str, Texts]]:
    """Yield the texts of many records by run; None where a record is not sound."""

    def read(batch: Sequence[str]) -> list[tuple[str, Texts]]:
        return [(run, sound_texts(store, run)) for run in batch]

    return ahead(read, list(runs))


def sound_texts(store: Store, run: str) -> Texts:
    """Return the text of a record, and for a measurement also that of its trained run; None where `Store.body` refuses one."""
    trained_id = trained_run(run)
    try:
        return (store.body(run),) if trained_id == run else (store.body(run), store.body(trained_id))
    except (FileNotFoundError, CorruptRecord):
        return None


def ahead(read: Callable[[Sequence[str]], list[_Result]], runs: Sequence[str]) -> Iterator[_Result]:
    """Yield what `read` returns for each run, in order; of many runs, threads read ahead while the caller works."""
    if len(runs) <= PART:
        yield from read(runs)
        return
    with ThreadPoolExecutor(_READERS) as readers:
        waiting: deque[Future[list[_Result]]] = deque()
        for start in range(0, len(runs), PART):
            waiting.append(readers.submit(read, runs[start : start + PART]))
            if len(waiting) > _AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
