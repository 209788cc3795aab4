"""Checkpoints: a run in training on disk, as checked safetensors.

One file a run beside its record, ``RUN.checkpoint``, replaced as a whole: the safetensors format, its metadata holding the
state as JSON and the SHA-256 of the file (taken with 64 zeros in the place of the digest), so that no byte can change unseen.
A checksum is no signature: whoever reads says first what the run needs, and a file with other names, types or shapes is
refused by its header. What is refused is set aside. No pickle, no torch, no pandas.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from freerun.errors import CorruptRecord, StoreError, refused
from freerun.io import reading
from freerun.io.writing import write_atomic
from freerun.store.records import Store, trained_run

FORMAT = "1"
SUFFIX = ".checkpoint"
#: The types of tensors by their names in safetensors.
TYPES: dict[str, np.dtype[Any]] = {"F64": np.dtype("<f8"), "I64": np.dtype("<i8"), "F32": np.dtype("<f4")}
#: Most bytes of a header.
HEADER = 2**20
_START = b'{"__metadata__":{"sha256":"'
_BLANK = b"0" * 64


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a tensor must be: its type (a key of `TYPES`) and shape; with `at_most`, the first length may be smaller."""

    dtype: str
    shape: tuple[int, ...]
    at_most: bool = False

    def fits(self, other: Need) -> bool:
        """Whether a tensor is what is needed."""
        if (self.dtype, len(self.shape)) != (other.dtype, len(other.shape)):
            return False
        if self.at_most:
            return other.shape[0] <= self.shape[0] and other.shape[1:] == self.shape[1:]
        return other.shape == self.shape


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A run in training.

    Attributes:
        update: updates done.
        state: what is plain data.
        tensors: what is numbers, by name.
    """

    run: str
    update: int
    state: dict[str, Any]
    tensors: dict[str, np.ndarray]


def place(store: Store, run: str) -> Path:
    """The file of the checkpoint of a run, or of the run that a measurement is of."""
    return store.path(trained_run(run)).with_suffix(SUFFIX)


def write(store: Store, checkpoint: Checkpoint) -> None:
    """Write the checkpoint of a run in the place of an earlier one.

    Raises:
        StoreError: if the disk refuses; the earlier one stays.
    """
    path = place(store, checkpoint.run)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, encoded(checkpoint))
    except OSError as fault:
        raise refused(path, "cannot be written", fault) from None


def encoded(checkpoint: Checkpoint) -> bytes:
    """The bytes of the file; the widest types come first, so that every tensor is aligned."""
    kinds = {dtype: kind for kind, dtype in TYPES.items()}
    tensors = sorted(checkpoint.tensors.items(), key=lambda item: (-item[1].itemsize, item[0]))
    header: dict[str, Any] = {
        "__metadata__": {
            "sha256": _BLANK.decode(), "format": FORMAT, "run": checkpoint.run, "update": str(checkpoint.update),
            "state": orjson.dumps(checkpoint.state).decode(),
        }
    }  # fmt: skip
    end = 0
    for name, value in tensors:
        begin, end = end, end + value.nbytes
        header[name] = {"dtype": kinds[value.dtype], "shape": list(value.shape), "data_offsets": [begin, end]}
    text = orjson.dumps(header)
    text += b" " * (-len(text) % 8)
    if len(text) > HEADER:
        raise StoreError(f"run {checkpoint.run}: its checkpoint names more tensors than a header of {HEADER} bytes can hold")
    content = bytearray(b"".join([len(text).to_bytes(8, "little"), text, *(value.tobytes() for _, value in tensors)]))
    at = 8 + len(_START)
    content[at : at + 64] = hashlib.sha256(content).hexdigest().encode()
    return bytes(content)


def read(store: Store, run: str, needs: Callable[[int], Mapping[str, Need]]) -> Checkpoint | None:
    """The checkpoint of a run; None if there is none.

    Args:
        needs: the tensors of this run after so many updates. The data is read only where the header says the same.

    Raises:
        CorruptRecord: if it is torn, altered, of another run, or not what the run needs.
        StoreError: if the disk refuses.
    """
    run, path = trained_run(run), place(store, run)
    try:
        with reading.opened(path) as raw, BufferedReader(raw) as file:
            size = os.fstat(file.fileno()).st_size
            text = file.read(8)
            length = int.from_bytes(text, "little")
            if not len(_START) + len(_BLANK) <= length <= min(HEADER, size - 8):
                raise CorruptRecord(f"{path}: is torn, or no checkpoint")
            text += file.read(length)
            update, state, found = _understood(text[8:], size - 8 - length, run, path)
            _compared(found, needs(update), path)
            content = file.read(size + 1)
    except FileNotFoundError:
        return None
    except reading.NotPlain as fault:
        raise CorruptRecord(f"{path}: {fault}") from None
    except OSError as fault:
        raise refused(path, "cannot be read", fault) from None
    at = 8 + len(_START)
    digest = hashlib.sha256(text[:at] + _BLANK + text[at + 64 :])
    digest.update(content)
    if digest.hexdigest().encode() != text[at : at + 64]:
        raise CorruptRecord(f"{path}: the checksum does not match; the checkpoint is torn or was altered")
    tensors: dict[str, np.ndarray] = {}
    end = 0
    for name, need in found.items():
        count, begin = math.prod(need.shape), end
        end += count * TYPES[need.dtype].itemsize
        tensors[name] = np.frombuffer(content, TYPES[need.dtype], count, begin).reshape(need.shape)
    return Checkpoint(run=run, update=update, state=state, tensors=tensors)


def _understood(text: bytes, room: int, run: str, path: Path) -> tuple[int, dict[str, Any], dict[str, Need]]:
    """Updates done, state, and tensors in the order of the file, which fill its `room` without a gap."""
    try:
        header = orjson.loads(text)
        made = header.pop("__metadata__")
        if not text.startswith(_START) or made["format"] != FORMAT:
            raise ValueError("another format")
        update, state = _count(made["update"]), orjson.loads(made["state"])
        if made["run"] != run:
            raise ValueError("the checkpoint of another run")
        if not isinstance(state, dict):
            raise TypeError("its state is no mapping")
        found, end = {}, 0
        for name, entry in header.items():
            shape = tuple(entry["shape"])
            if not all(type(side) is int and side >= 0 for side in shape):
                raise ValueError(f"a shape of {shape}")
            begin, end = end, end + math.prod(shape) * TYPES[entry["dtype"]].itemsize
            if entry["data_offsets"] != [begin, end] or end > room:
                raise ValueError("its tensors do not follow one another")
            found[name] = Need(dtype=entry["dtype"], shape=shape)
        if end != room:
            raise ValueError("is longer than its tensors")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise CorruptRecord(f"{path}: is no checkpoint of this run ({' '.join(str(fault).split())[:60]})") from None
    return update, state, found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ValueError("no number of updates")
    return int(text)


def _compared(found: Mapping[str, Need], needs: Mapping[str, Need], path: Path) -> None:
    wrong = sorted(found.keys() ^ needs.keys()) or [name for name, need in needs.items() if not need.fits(found[name])]
    if wrong:
        raise CorruptRecord(f"{path}: does not fit this run, first in {wrong[0][:60]!r}")


def update_of(store: Store, run: str) -> int:
    """Updates that a checkpoint says were done; 0 where there is none that can be understood.

    Looks at the header alone, for overviews: only `read` knows whether it can be trusted.
    """
    try:
        with reading.opened(store.place(trained_run(run))[: -len(".json")] + SUFFIX) as file:
            text = file.read(8)
            text = file.read(min(HEADER, int.from_bytes(text, "little")))
        return _count(orjson.loads(text)["__metadata__"]["update"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0


def remove(store: Store, run: str) -> None:
    """Remove the checkpoint of a run that has its record.

    Raises:
        StoreError: if the disk refuses.
    """
    path = place(store, run)
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        raise refused(path, "cannot be removed", fault) from None


def set_aside(store: Store, run: str) -> Path:
    """Move a broken checkpoint out of the way, keeping it for inspection.

    Raises:
        StoreError: if the disk refuses.
    """
    run, path, aside = trained_run(run), place(store, run), store.root / "aside"
    target = aside / f"{run}.{sum(1 for _ in aside.glob(f'{run}.*'))}{SUFFIX}"
    try:
        aside.mkdir(exist_ok=True)
        path.replace(target)
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as fault:
        raise refused(path, "cannot be set aside", fault) from None
    return target


def clear(store: Store) -> int:
    """Remove the checkpoints of runs that have their records, left by processes killed in between; how many."""
    left = [path for path in store.root.glob(f"[0-9a-f][0-9a-f]/*{SUFFIX}") if path.with_suffix(".json").exists()]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)
