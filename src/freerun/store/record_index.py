"""Index of the records: a disposable file that spares reading each of them again.

The index holds an extract of the records that were read before, each with the size, the times and the inode of its file, and
of a measurement also those of its trained run's. What does not fit any more is read from its record; an index that is missing,
torn, altered or of another version is no index. So it can be deleted at any time, and never changes a result.
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
from freerun.io.reading import content, opened
from freerun.io.writing import write_atomic
from freerun.store import tensor_header
from freerun.store.record_columns import LEVELS, TEXTS, WIDTH, Extract, demand_sound, join, of
from freerun.store.record_scan import Texts, ahead, sound_texts
from freerun.store.record_types import LARGEST, Record, Trained
from freerun.store.records import Store, trained_run

NAME = "index"
#: Raise it when what is extracted from a record, or its form, changes.
FORM = container.Form("index", 8)
#: Most bytes of it.
LARGEST_INDEX = 2**32
#: A file that changed within so many seconds could change again without its times telling.
SETTLED = 2.0
Stamp = tuple[int, ...]
#: Numbers of a stamp: four of each of two files.
_STAMP = 8
Outcome = Callable[[Trained], dict[str, Any]]
_LIST, _MAPPING = msgspec.json.Decoder(list[str]), msgspec.json.Decoder(dict[str, Any])


def extracts(store: Store, runs: Sequence[str], outcome: Outcome) -> Extract:
    """Return the extract of those of `runs` that have a sound record, in their order; the index is brought up to date.

    Args:
        store: where the records are.
        runs: identities, each once.
        outcome: see `record_columns.of`.
    """
    stamps = {run: stamp for run in runs if (stamp := _stamp(store, run))}
    known, known_stamps = _load(store.root / NAME)
    row_of = {run: row for row, run in enumerate(known.runs()) if known_stamps[row] == stamps.get(run, known_stamps[row])}
    unread = [run for run in stamps if run not in row_of]
    if not unread:
        return known.select(np.array([row_of[run] for run in runs if run in stamps], dtype=np.int64))
    read_stamps: dict[str, Stamp] = {}
    fresh = of(_records(store, unread, read_stamps), outcome)
    if not len(fresh):
        return known.select(np.array([row_of[run] for run in runs if run in row_of], dtype=np.int64))
    extract = join([known, fresh])
    row_of |= {run: len(known) + row for row, run in enumerate(fresh.runs())}
    stamps_of = {**{run: known_stamps[row] for run, row in row_of.items() if row < len(known)}, **read_stamps}
    _save(store, extract, row_of, stamps_of)
    return extract.select(np.array([row_of[run] for run in runs if run in stamps and run in row_of], dtype=np.int64))


def records(store: Store, runs: Sequence[str]) -> Iterator[tuple[Record, Stamp]]:
    """Yield every sound and whole record with the stamp of its files; threads read them, this one decodes them."""
    for run, texts, stamp in ahead(lambda batch: _read(store, batch), runs):
        if texts is not None:
            with contextlib.suppress(CorruptRecord):
                yield store.whole(run, *texts), stamp


def _read(store: Store, runs: Sequence[str]) -> list[tuple[str, Texts, Stamp]]:
    read: list[tuple[str, Texts, Stamp]] = []
    for run in runs:
        before = _stamp(store, run) or (0,) * _STAMP
        read.append((run, sound_texts(store, run), before))
    return read


def _records(store: Store, runs: Sequence[str], stamps: dict[str, Stamp]) -> Iterator[Record]:
    """Yield the sound records among `runs`; notes the stamp of each."""
    for record, stamp in records(store, runs):
        if -LARGEST <= record.trained.experiment["seed"] < LARGEST:
            stamps[record.measured.run] = stamp
            yield record


def _stamp(store: Store, run: str) -> Stamp | None:
    """Return the stamp of a record, and of a measurement also that of its trained run's; None where a file is missing."""
    trained_id = trained_run(run)
    first = _of_file(store.place(run))
    second = (0, 0, 0, 0) if trained_id == run else _of_file(store.place(trained_id))
    return None if first is None or second is None else first + second


def _of_file(path: str) -> Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - of thousands of texts
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise refused(path, "cannot be read", fault) from None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _load(path: Path) -> tuple[Extract, list[Stamp]]:
    """Return the index; an empty one where the file is missing or cannot be trusted."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with contextlib.suppress(OSError, MemoryError, ValueError, TypeError, LookupError, RecursionError, SafetensorError):
        return _understood(load(container.unwrapped(content(path, _size(path)), FORM)))
    return of([], lambda trained: {}), []


def _size(path: Path) -> int:
    """Return the bytes of an index by its beginning, so that no more is read of a file that something has made longer.

    Raises:
        OSError, ValueError, TypeError, RecursionError: if it is none.
    """
    with opened(path) as file:
        container.declared(file.readline(container.LONGEST_HEAD), FORM)
        length = int.from_bytes(file.read(8), "little")
        if length > tensor_header.LARGEST:
            raise ValueError("its header")
        tensors, _ = tensor_header.parsed(file.read(length))
        size = file.tell() + max(tensor.data_offsets[1] for tensor in tensors.values())
    return min(size, LARGEST_INDEX)


def _understood(arrays: dict[str, np.ndarray]) -> tuple[Extract, list[Stamp]]:
    """Return the extract and the stamps that arrays stand for.

    Raises:
        ValueError, TypeError, LookupError: if they do not fit together; a checksum alone does not say who wrote them.
    """
    texts = {name: _LIST.decode(arrays.pop(f"texts.{name}").tobytes()) for name in TEXTS}
    stamps = arrays.pop("stamps")
    if arrays["run"].dtype != np.uint8 or arrays["run"].shape != (len(stamps), WIDTH):
        raise ValueError("its runs")
    if stamps.dtype != np.int64 or stamps.shape != (len(stamps), _STAMP):
        raise ValueError("its stamps")
    extract = Extract(columns={**arrays, "run": arrays["run"].view(f"S{WIDTH}").ravel()}, texts=texts)
    demand_sound(extract)
    for text in (*texts["experiment"], *texts["outcome"], *texts["quantities"]):
        _MAPPING.decode(text)
    return extract, [tuple(stamp) for stamp in stamps.tolist()]


def _save(store: Store, extract: Extract, row_of: dict[str, int], stamps: dict[str, Stamp]) -> None:
    """Write the rows whose files have settled and still exist; where the index cannot be written, none is kept."""
    latest = (time.time() - SETTLED) * 1e9
    kept = [run for run in row_of if max(stamps[run][1:3] + stamps[run][5:7]) < latest and _stamp(store, run)]
    if not kept:
        return
    chosen = extract.select(np.array([row_of[run] for run in kept], dtype=np.int64))
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(chosen.columns[name]) for names in LEVELS.values() for name in names}
    arrays["run"] = arrays["run"].view(np.uint8).reshape(len(chosen), WIDTH)
    arrays["stamps"] = np.array([stamps[run] for run in kept], dtype=np.int64).reshape(len(chosen), _STAMP)
    arrays |= {f"texts.{name}": np.frombuffer(msgspec.json.encode(chosen.texts[name]), dtype=np.uint8) for name in TEXTS}
    body = save(arrays)
    with contextlib.suppress(OSError):
        write_atomic(store.root / NAME, container.wrapped(body, FORM))
