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
from freerun.io.text import one_line
from freerun.store import player_records, record_schema
from freerun.store.records import Store, trained_run

#: Records that are read at once, how many such parts may wait to be looked at, and the threads that read.
PART, _AHEAD, _READERS = 64, 4, 2
_Found = TypeVar("_Found")
#: The text of a record, or of a measurement and its trained run.
Texts = tuple[bytes] | tuple[bytes, bytes] | None


def missing(store: Store, runs: Iterable[str]) -> list[str]:
    """Those of many runs that are not done, in their order, as `player_records.complete` says; broken records are set aside.

    That is: without a sound record, or without one of the players that belong to it.
    """
    there: dict[str, bool] = {}

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
        if players is not None and players not in there:
            there[players] = player_records.has(store, players)
        return players is None or there[players]

    return [run for run, texts in _texts(store, runs) if not sound(run, texts) and not player_records.complete(store, run)]


def statuses(store: Store, runs: Iterable[str]) -> dict[str, str]:
    """What became of many runs, as `Store.status` says; those without a sound record are left out."""
    found = {}
    for run, texts in _texts(store, runs):
        of = dict.fromkeys((run, trained_run(run)))
        try:
            ends = [record_schema.status(text, name, store.place(name)) for name, text in zip(of, texts or (), strict=False)]
            status = ends[-1] if ends else store.status(run)
        except CorruptRecord:
            status = store.status(run)
        if status is not None:
            found[run] = status
    return found


def damaged(store: Store, undone: Iterable[str]) -> list[str]:
    """Those of some runs without a sound record of which a broken one was set aside, or is so now.

    Where the disk refuses that, it stays where it is.
    """

    def broken(run: str) -> bool:
        try:
            return store.path(run).exists() and not store.has(run)
        except StoreError:
            return True

    wanted = list(undone)
    found = {run for run in wanted if broken(run)}
    aside = {path.name.partition(".")[0] for path in (store.root / "aside").glob("*.json")}
    return [run for run in wanted if run in found or (run in aside and not store.path(run).exists())]


def say_damaged(study: str, store: Store, undone: Iterable[str]) -> None:
    """Say on standard error how many of a study's runs have no result because their records were damaged."""
    if lost := damaged(store, undone):
        records = "1 damaged record was" if len(lost) == 1 else f"{len(lost)} damaged records were"
        said = f"{records} set aside in {store.root}/aside; freerun retry {study} does those runs again"
        print(f"freerun: {one_line(said)}", file=sys.stderr, flush=True)


def _texts(store: Store, runs: Iterable[str]) -> Iterator[tuple[str, Texts]]:
    """The texts of many records, None where one is not sound."""

    def read(some: Sequence[str]) -> list[tuple[str, Texts]]:
        return [(run, sound_texts(store, run)) for run in some]

    return ahead(read, list(runs))


def sound_texts(store: Store, run: str) -> Texts:
    """The text of a record, and of a measurement also that of its trained run; None where `Store.body` refuses one."""
    own = trained_run(run)
    try:
        return (store.body(run),) if own == run else (store.body(run), store.body(own))
    except (FileNotFoundError, CorruptRecord):
        return None


def ahead(read: Callable[[Sequence[str]], list[_Found]], runs: Sequence[str]) -> Iterator[_Found]:
    """What `read` finds of each run, in order; of many runs, threads read ahead while what was found is looked at."""
    if len(runs) <= PART:
        yield from read(runs)
        return
    with ThreadPoolExecutor(_READERS) as readers:
        waiting: deque[Future[list[_Found]]] = deque()
        for start in range(0, len(runs), PART):
            waiting.append(readers.submit(read, runs[start : start + PART]))
            if len(waiting) > _AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
