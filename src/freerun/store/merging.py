"""Merging of stores: what several hold of records, taken into one.

First everything is read and compared, then written, so that a record which two stores hold differently is refused before a file
is changed. What is written is written as records always are, weights first, each file whole; so a merge that is killed goes on
when it is asked for again. The stores that are read stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from freerun.errors import CorruptRecord, StoreError, refused
from freerun.io import reading
from freerun.io.writing import write_atomic
from freerun.store import player_records, record_content, record_files, run_notes
from freerun.store.record_files import RecordFiles
from freerun.store.records import IDENTITY, Store, trained_run

#: The files that an unfinished run leaves for whoever goes on with it.
UNFINISHED = (".checkpoint", ".plan")
#: Most bytes of one of them.
LARGEST = 2**34


class Source(NamedTuple):
    """A sound record: the store that holds it, and the SHA-256 of its file."""

    store: Store
    digest: str


@dataclass(kw_only=True)
class Survey:
    """What is to be taken into a store.

    Attributes:
        runs: the records that it lacks, by identity, trained runs before their measurements.
        players: the records of reference players that it lacks, by identity.
        held: the records of the other stores that it has already, by identity.
        conflicts: a line for each record that two stores hold differently.
        damaged: a line for each record that is torn or altered, and left out.
        arithmetics: what computed the records of the other stores, in words.
    """

    runs: dict[str, Source] = field(default_factory=dict)
    players: dict[str, Source] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    conflicts: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    arithmetics: set[str] = field(default_factory=set)


def survey(destination: Store, sources: Sequence[Store]) -> Survey:
    """Read and compare what some stores hold; nothing is written.

    Raises:
        StoreError: if the disk refuses, or another version of Freerun wrote a record in another form.
    """
    result = Survey()
    differing: set[str] = set()
    for store in sources:
        broken: set[str] = set()
        for run in _runs(store):
            if trained_run(run) in broken:
                continue
            try:
                files = record_files.read(store, run)
            except CorruptRecord as fault:
                broken.add(run)  # of a trained run that is, its measurements are left out too
                result.damaged.append(str(fault))
                continue
            result.arithmetics.add(str(files.record.get("provenance", {}).get("arithmetic") or "unknown"))
            if trained_run(run) not in differing:
                _compare(run, files, Source(store, _digest(files.content)), destination, result, differing)
        for players in _players(store):
            try:
                source = Source(store, _digest(record_files.read_players(store, players)))
            except CorruptRecord as fault:
                result.damaged.append(str(fault))
                continue
            _compare_players(players, source, destination, result)
    result.runs = dict(sorted(result.runs.items()))
    return result


def take(destination: Store, survey: Survey) -> None:
    """Take the records of a survey into a store.

    Raises:
        StoreError: if the disk refuses, or a record has changed since it was looked at.
    """
    for run, source in survey.runs.items():
        try:
            files = record_files.read(source.store, run)
        except (CorruptRecord, FileNotFoundError) as fault:
            raise _changed(source.store.path(run)) from fault
        if _digest(files.content) != source.digest:
            raise _changed(source.store.path(run))
        path = destination.path(run)
        destination.has(run)  # which sets a broken one aside
        if files.weights is not None:
            _write(path.with_suffix(".safetensors"), files.weights)
        _write(path, files.content)
        destination.failures.forget(run)
    for players, source in survey.players.items():
        try:
            content = record_files.read_players(source.store, players)
        except (CorruptRecord, FileNotFoundError) as fault:
            raise _changed(player_records.path(source.store, players)) from fault
        if _digest(content) != source.digest:
            raise _changed(player_records.path(source.store, players))
        _write(player_records.path(destination, players), content)


def take_unfinished(destination: Store, sources: Sequence[Store]) -> None:
    """Take what some stores keep of runs without a record: why they failed, checkpoints, plans, notes; what is there stays.

    Raises:
        StoreError: if the disk refuses.
    """
    for store in sources:
        for path in sorted(store.root.glob("[0-9a-f][0-9a-f]/*")):
            run, target = path.stem, destination.root / path.parent.name / path.name
            if not IDENTITY.fullmatch(run) or target.exists() or destination.path(run).exists():
                continue
            if path.suffix == ".failed":
                destination.failures.copy(run, store.failures)
            elif path.suffix in UNFINISHED:
                try:
                    content = reading.content(path, LARGEST)
                except (OSError, reading.NotPlain):  # whoever needs it begins without it
                    continue
                _write(target, content)
        run_notes.copy(store, destination)


def _compare(run: str, files: RecordFiles, source: Source, destination: Store, result: Survey, differing: set[str]) -> None:
    """Note a record as one to be taken, one that is held already, or one that two stores hold differently."""
    earlier = result.runs.get(run)
    holder = destination if earlier is None else earlier.store
    try:
        held = record_files.read(holder, run)
    except (CorruptRecord, FileNotFoundError):
        result.runs[run] = source
        return
    if earlier is None:
        result.held.add(run)
    if held.content != files.content and (words := record_content.difference(held.record, files.record)) is not None:
        differing.add(run)
        result.conflicts.append(f"{run}: {holder.place(run)} and {source.store.place(run)} differ in {words}")


def _compare_players(players: str, source: Source, destination: Store, result: Survey) -> None:
    earlier = result.players.get(players)
    holder = destination if earlier is None else earlier.store
    try:
        digest = _digest(record_files.read_players(destination, players)) if earlier is None else earlier.digest
    except (CorruptRecord, FileNotFoundError):
        result.players[players] = source
        return
    if digest != source.digest:
        places = (str(player_records.path(store, players)) for store in (holder, source.store))
        result.conflicts.append(f"reference players {players}: {' and '.join(places)} differ")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _runs(store: Store) -> list[str]:
    """Return the identities of all records, trained runs before their measurements."""
    return sorted(path.stem for path in store.root.glob("[0-9a-f][0-9a-f]/*.json") if IDENTITY.fullmatch(path.stem))


def _players(store: Store) -> Iterator[str]:
    yield from sorted(path.stem for path in store.root.glob(f"[0-9a-f][0-9a-f]/*{player_records.SUFFIX}"))


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    except OSError as fault:
        raise refused(path, "cannot be written", fault) from None


def _changed(path: Path) -> StoreError:
    return StoreError(f"{path}: has changed since it was looked at; run the same command again")
