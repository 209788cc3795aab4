"""Checkpoints: a run in training on disk, typed, as tensors in a checked container.

One file a run beside its record, ``RUN.checkpoint``, replaced as a whole: safetensors, whose metadata hold the state as JSON,
after a line with their checksum. A checksum is no signature: whoever reads says first what the run needs, and a file with other
names, types or shapes is refused by its header, before any number is read. What is refused is set aside. No pickle, no torch,
no pandas.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from freerun.errors import CorruptRecord, StoreError, refused
from freerun.io import container, reading
from freerun.io.text import one_line
from freerun.io.writing import write_atomic
from freerun.store import tensor_header
from freerun.store.record_types import Count, Identity
from freerun.store.records import Store, trained_run
from freerun.store.tensor_header import TYPES

FORM = container.Form("checkpoint", 2)
SUFFIX = ".checkpoint"
#: Updates between two checkpoints of a run, where nothing else is said.
EVERY = 1000
#: Quantities of training curves; more than one run ever logs.
QUANTITIES = 16
#: How checkpoints of the first form began, after their first eight bytes.
_FIRST_FORM = b'{"__metadata__":{"sha256":"'
_Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z_]{1,40}\Z")]


class OtherForm(CorruptRecord):
    """A checkpoint in the form of an older or a newer Freerun; `why` says so without naming the file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.why = reason


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a tensor must be: its type (a key of `TYPES`) and shape; with `at_most`, the first length may be smaller."""

    dtype: str
    shape: tuple[int, ...]
    at_most: bool = False

    def fits(self, tensor: tensor_header.Tensor) -> bool:
        """Return whether a tensor is what is needed."""
        if (self.dtype, len(self.shape)) != (tensor.dtype, len(tensor.shape)):
            return False
        if self.at_most:
            return tensor.shape[0] <= self.shape[0] and tensor.shape[1:] == self.shape[1:]
        return tensor.shape == self.shape


class State(msgspec.Struct, kw_only=True):
    """The part of a run's state in training that is plain data.

    Attributes:
        made: versions, source and arithmetic that made the checkpoint.
        numbers: the numbers that its feeder remembers, by name.
        broke: the update at which it diverged, and the quantity that was not finite; None if it has not diverged.
        quantities: the names of the quantities of its curves, which the curves refer to by position.
        resumed: the updates from which it was resumed before.
        seconds: of training so far.
    """

    made: dict[str, int | str | dict[str, str]]
    numbers: dict[str, float]
    broke: tuple[Count, _Name] | None
    quantities: Annotated[list[_Name], msgspec.Meta(max_length=QUANTITIES)]
    resumed: list[Count]
    seconds: Annotated[float, msgspec.Meta(ge=0.0, le=1e12)]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A run in training.

    Attributes:
        update: updates done.
        state: the part that is plain data.
        tensors: the arrays, by name.
    """

    run: str
    update: int
    state: State
    tensors: dict[str, np.ndarray]


class About(msgspec.Struct, kw_only=True):
    """The metadata of a checkpoint, texts as safetensors wants them; `state` is the JSON of a `State`."""

    run: Identity
    update: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,15}\Z")]
    state: str


def place(store: Store, run: str) -> Path:
    """Return the file of the checkpoint of a run, or of the run that a measurement is of."""
    return store.path(trained_run(run)).with_suffix(SUFFIX)


def write(store: Store, checkpoint: Checkpoint) -> None:
    """Write the checkpoint of a run in the place of an earlier one.

    Raises:
        StoreError: if the disk refuses; the earlier one stays.
    """
    path = place(store, checkpoint.run)
    try:
        store.make_room(path)
        write_atomic(path, encoded(checkpoint))
    except OSError as fault:
        raise refused(path, "cannot be written", fault) from None


def encoded(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of the file; the widest types come first, so that every tensor is aligned."""
    type_names = {dtype: kind for kind, dtype in TYPES.items()}
    tensors = sorted(checkpoint.tensors.items(), key=lambda entry: (-entry[1].itemsize, entry[0]))
    state = msgspec.json.encode(checkpoint.state).decode()
    header: dict[str, Any] = {
        tensor_header.ABOUT: {"run": checkpoint.run, "update": str(checkpoint.update), "state": state}
    }  # fmt: skip
    end = 0
    for name, value in tensors:
        begin, end = end, end + value.nbytes
        header[name] = {"dtype": type_names[value.dtype], "shape": list(value.shape), "data_offsets": [begin, end]}
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)
    if len(text) > tensor_header.LARGEST:
        most = f"a header of {tensor_header.LARGEST} bytes"
        raise StoreError(f"run {checkpoint.run}: its checkpoint names more tensors than {most} can hold")
    body = b"".join([len(text).to_bytes(8, "little"), text, *(value.tobytes() for _, value in tensors)])
    return container.wrapped(body, FORM)


def read(store: Store, run: str, needs: Callable[[int], Mapping[str, Need]]) -> Checkpoint | None:
    """Return the checkpoint of a run; None if there is none.

    Args:
        needs: returns the tensors of this run after a number of updates. The data is read only where the header agrees.

    Raises:
        OtherForm: if an older or a newer Freerun wrote it in another form.
        CorruptRecord: if it is torn, altered, of another run, or not what the run needs.
        StoreError: if the disk refuses.
    """
    run, path = trained_run(run), place(store, run)
    try:
        with reading.opened(path) as raw, BufferedReader(raw) as file:
            size = os.fstat(file.fileno()).st_size
            if file.peek(8 + len(_FIRST_FORM))[8:].startswith(_FIRST_FORM):
                raise container.other_version(1, FORM)
            digest = container.declared(file.readline(container.LONGEST_HEAD), FORM)
            length, text = _header(file)
            about, state, headers = _understood(text, size - file.tell(), run)
            _compared(headers, needs(int(about.update)), path)
            content = file.read(size)
        container.demand(digest, [length, text, content])
    except FileNotFoundError:
        return None
    except container.OtherVersion as fault:
        raise OtherForm(path, str(fault)) from None
    except (ValueError, RecursionError) as fault:
        raise CorruptRecord(f"{path}: is no checkpoint of this run: {one_line(fault, 100)}") from None
    except OSError as fault:
        raise refused(path, "cannot be read", fault) from None
    tensors: dict[str, np.ndarray] = {}
    for name, tensor in headers.items():
        count, begin = math.prod(tensor.shape), tensor.data_offsets[0]
        tensors[name] = np.frombuffer(content, TYPES[tensor.dtype], count, begin).reshape(tensor.shape)
    return Checkpoint(run=run, update=int(about.update), state=state, tensors=tensors)


def _header(file: BufferedReader[FileIO]) -> tuple[bytes, bytes]:
    """Read the eight bytes of the header's length, and the header itself.

    Raises:
        NotPlain: if it is longer than any header.
    """
    length = file.read(8)
    if int.from_bytes(length, "little") > tensor_header.LARGEST:
        raise reading.NotPlain(f"its header is longer than {tensor_header.LARGEST} bytes")
    return length, file.read(int.from_bytes(length, "little"))


def _understood(text: bytes, room: int, run: str) -> tuple[About, State, dict[str, tensor_header.Tensor]]:
    """Return the metadata, the state and the tensors of a header, whose tensors have to fill the `room` bytes after it.

    Raises:
        ValueError, RecursionError: if it is no header of a checkpoint of this run.
    """
    tensors, metadata = tensor_header.parsed(text)
    about = msgspec.json.decode(metadata, type=About)
    if about.run != run:
        raise ValueError("the checkpoint of another run")
    state = msgspec.json.decode(about.state, type=State)
    tensor_header.demand_filled(tensors, room)
    return about, state, tensors


def _compared(headers: Mapping[str, tensor_header.Tensor], needs: Mapping[str, Need], path: Path) -> None:
    wrong = sorted(headers.keys() ^ needs.keys()) or [name for name, need in needs.items() if not need.fits(headers[name])]
    if wrong:
        raise CorruptRecord(f"{path}: does not fit this run, first in {wrong[0][:60]!r}")


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
    run, path, folder = trained_run(run), place(store, run), store.root / "aside"
    target = folder / f"{run}.{sum(1 for _ in folder.glob(f'{run}.*'))}{SUFFIX}"
    try:
        store.make_room(target)
        path.replace(target)
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as fault:
        raise refused(path, "cannot be set aside", fault) from None
    return target


def clear(store: Store) -> int:
    """Remove the checkpoints that killed processes left of runs that have their records; return how many."""
    paths = [path for path in store.root.glob(f"[0-9a-f][0-9a-f]/*{SUFFIX}") if path.with_suffix(".json").exists()]
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)
