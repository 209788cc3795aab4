"""Index of the records: a disposable file that spares reading each of them again.

The index holds an extract of the records that were read before, each with the size, the times and the inode of its file. What
does not fit any more is read from its record; an index that is missing, torn, altered or of another version is no index. So it
can be deleted at any time, and never changes a result.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from freerun.errors import CorruptRecord, refused
from freerun.io import container
from freerun.io.reading import content
from freerun.io.writing import write_atomic
from freerun.store.record_columns import LEVELS, TEXTS, Extract, demand_sound, join, of
from freerun.store.record_scan import ahead, sound_body
from freerun.store.record_schema import LARGEST, Record, Trained, typed, understood
from freerun.store.records import Store

NAME = "index"
#: Raise it when what is extracted from a record, or its form, changes.
FORM = container.Form("index", 4)
#: Most bytes of it.
LARGEST_INDEX = 2**32
#: A file that changed within so many seconds could change again without its times telling.
SETTLED = 2.0
Stamp = tuple[int, int, int, int]
Outcome = Callable[[Trained], dict[str, Any]]
_LIST, _MAPPING = msgspec.json.Decoder(list[str]), msgspec.json.Decoder(dict[str, Any])


def extracts(store: Store, runs: Sequence[str], outcome: Outcome) -> Extract:
    """The extract of those of `runs` that have a sound record, in their order; the index is brought up to date.

    Args:
        store: where the records are.
        runs: identities, each once.
        outcome: see `record_columns.of`.
    """
    stamps = {run: stamp for run in runs if (stamp := _stamp(store.place(run)))}
    known, known_stamps = _load(store.root / NAME)
    place = {run: row for row, run in enumerate(known.runs()) if known_stamps[row] == stamps.get(run, known_stamps[row])}
    unread = [run for run in stamps if run not in place]
    if not unread:
        return known.select(np.array([place[run] for run in runs if run in stamps], dtype=np.int64))
    read_stamps: dict[str, Stamp] = {}
    fresh = of(_records(store, unread, read_stamps), outcome)
    if not len(fresh):
        return known.select(np.array([place[run] for run in runs if run in place], dtype=np.int64))
    whole = join([known, fresh])
    place |= {run: len(known) + row for row, run in enumerate(fresh.runs())}
    _save(store, whole, place, {**{run: known_stamps[row] for run, row in place.items() if row < len(known)}, **read_stamps})
    return whole.select(np.array([place[run] for run in runs if run in stamps and run in place], dtype=np.int64))


def parsed(store: Store, run: str, body: bytes) -> dict[str, Any]:
    """A record from its verified text.

    Raises:
        CorruptRecord: if it is that of another run, or not of a record's form.
    """
    return understood(body, run, store.place(run), whole=True)


def bodies(store: Store, runs: Sequence[str]) -> Iterator[tuple[str, bytes | None, Stamp]]:
    """The verified text of every record with the stamp of its file, None where there is no sound one; read in threads."""
    return ahead(lambda some: _read(store, some), runs)


def _read(store: Store, runs: Sequence[str]) -> list[tuple[str, bytes | None, Stamp]]:
    found: list[tuple[str, bytes | None, Stamp]] = []
    for run in runs:
        before = _stamp(store.place(run)) or (0, 0, 0, 0)
        found.append((run, sound_body(store, run), before))
    return found


def _records(store: Store, runs: Sequence[str], stamps: dict[str, Stamp]) -> Iterator[Record]:
    """The sound records among `runs`; notes the stamp of each."""
    for run, body, stamp in bodies(store, runs):
        if body is not None:
            try:
                record = typed(body, run, store.place(run))
            except CorruptRecord:
                continue
            if not -LARGEST <= record.trained.experiment["seed"] < LARGEST:
                continue
            stamps[run] = stamp
            yield record


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - of thousands of texts
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise refused(path, "cannot be read", fault) from None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _load(path: Path) -> tuple[Extract, list[Stamp]]:
    """The index; an empty one where there is none that can be trusted."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with contextlib.suppress(OSError, ValueError, TypeError, LookupError, RecursionError, SafetensorError):
        return _understood(load(container.unwrapped(content(path, LARGEST_INDEX), FORM)))
    return of([], lambda trained: {}), []


def _understood(arrays: dict[str, np.ndarray]) -> tuple[Extract, list[Stamp]]:
    """The extract and the stamps that arrays stand for.

    Raises:
        ValueError, TypeError, LookupError: if they do not fit together; a checksum alone does not say who wrote them.
    """
    texts = {name: _LIST.decode(arrays.pop(f"texts.{name}").tobytes()) for name in TEXTS}
    stamps = arrays.pop("stamps")
    if arrays["run"].dtype != np.uint8 or arrays["run"].shape != (len(stamps), 16):
        raise ValueError("its runs")
    if stamps.dtype != np.int64 or stamps.shape != (len(stamps), 4):
        raise ValueError("its stamps")
    found = Extract(columns={**arrays, "run": arrays["run"].view("S16").ravel()}, texts=texts)
    demand_sound(found)
    for text in (*texts["experiment"], *texts["outcome"], *texts["quantities"]):
        _MAPPING.decode(text)
    return found, [(a, b, c, d) for a, b, c, d in stamps.tolist()]


def _save(store: Store, whole: Extract, place: dict[str, int], stamps: dict[str, Stamp]) -> None:
    """Write what has settled and is still there; an index that cannot be written is done without."""
    latest = (time.time() - SETTLED) * 1e9
    kept = [run for run in place if max(stamps[run][1:3]) < latest and _stamp(store.place(run))]
    if not kept:
        return
    chosen = whole.select(np.array([place[run] for run in kept], dtype=np.int64))
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(chosen.columns[name]) for names in LEVELS.values() for name in names}
    arrays["run"] = arrays["run"].view(np.uint8).reshape(len(chosen), 16)
    arrays["stamps"] = np.array([stamps[run] for run in kept], dtype=np.int64).reshape(len(chosen), 4)
    arrays |= {f"texts.{name}": np.frombuffer(msgspec.json.encode(chosen.texts[name]), dtype=np.uint8) for name in TEXTS}
    body = save(arrays)
    with contextlib.suppress(OSError):
        write_atomic(store.root / NAME, container.wrapped(body, FORM))
