"""Where do records live, and how are they never silently wrong?

One content-addressed folder for all studies. A run has one record, written once: a temporary file, fsync, rename. The record
is two lines of JSON, the first with the SHA-256 of the second; weights stand beside it as safetensors, named by their own
hash. A record that is torn or altered is set aside and its run done again. No pickle, no torch, no pandas.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from freerun import outside
from freerun.errors import CorruptRecord, StoreError
from freerun.files import sweep_temporaries, write_atomic
from freerun.records import demand_weights, understood

FORMAT = 1
#: Most characters of the log of a failed run.
LONGEST_LOG = 20_000
#: Most bytes of the reason of a failure, and most characters of it that are shown.
LARGEST_REASON, LONGEST_REASON = 2**20, 1_000
#: Records that are read at once, how many such parts may wait to be looked at, and the threads that read.
_PART, _AHEAD, _READERS = 64, 4, 2
_IDENTITY = re.compile(r"[0-9a-f]{16}")
_Found = TypeVar("_Found")


class Store:
    """The records under one folder.

    Raises:
        StoreError: if the folder cannot be made or written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = f"{root}{os.sep}"

    def open(self) -> None:
        """Make the folder, see that it can be written to, and clear away what killed writers left.

        Raises:
            StoreError: if it cannot.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
            sweep_temporaries(self.root)
        except OSError as fault:
            raise StoreError(f"{self.root}: cannot be written to: {fault.strerror}") from None

    def path(self, run: str) -> Path:
        """The file of a run's record."""
        return Path(self.place(run))

    def place(self, run: str) -> str:
        """The same as text, for those who ask for thousands."""
        if not _IDENTITY.fullmatch(run):
            raise StoreError(f"{run!r} is not the identity of a run")
        return f"{self._folder}{run[:2]}{os.sep}{run}.json"

    def has(self, run: str) -> bool:
        """Whether a run has a sound record; a broken one is set aside."""
        try:
            self._demand_whole(run, self.body(run))
        except FileNotFoundError:
            return False
        except CorruptRecord:
            self.set_aside(run)
            return False
        return True

    def missing(self, runs: Iterable[str]) -> list[str]:
        """Those of many runs that have no sound record, in their order; broken ones are set aside.

        Every record is read and looked at as `has` does it. What does not pass at once is asked for again by `has`, for
        records are read ahead, and another process may have put things right meanwhile.
        """

        def sound(run: str, body: bytes | None) -> bool:
            try:
                if body is not None:
                    self._demand_whole(run, body)
            except CorruptRecord:
                return False
            return body is not None

        return [run for run, body in self._bodies(runs) if not sound(run, body) and not self.has(run)]

    def _demand_whole(self, run: str, body: bytes) -> None:
        record = understood(body, run, self.place(run), whole=True)
        if "weights" in record and not self.path(run).with_suffix(".safetensors").exists():
            raise CorruptRecord(f"{self.path(run)}: the weights are missing")

    def _bodies(self, runs: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """The text of many records, None where `body` refuses it."""

        def read(some: Sequence[str]) -> list[tuple[str, bytes | None]]:
            return [(run, self._body(run)) for run in some]

        return ahead(read, list(runs))

    def _body(self, run: str) -> bytes | None:
        try:
            return self.body(run)
        except (FileNotFoundError, CorruptRecord):
            return None

    def read(self, run: str) -> dict[str, Any]:
        """The record of a run.

        Raises:
            FileNotFoundError: if there is none.
            CorruptRecord: if its checksum, its form or its identity is wrong.
        """
        return understood(self.body(run), run, self.place(run))

    def status(self, run: str) -> str | None:
        """What became of a run, ``done`` or ``diverged``; None if it has no sound record."""
        try:
            return str(self.read(run)["status"])
        except (FileNotFoundError, CorruptRecord):
            return None

    def statuses(self, runs: Iterable[str]) -> dict[str, str]:
        """What became of many runs, as `status` says; those without a sound record are left out."""
        found = {}
        for run, body in self._bodies(runs):
            try:
                status = str(understood(body, run, self.place(run))["status"]) if body is not None else self.status(run)
            except (CorruptRecord, LookupError):
                status = self.status(run)
            if status is not None:
                found[run] = status
        return found

    def body(self, run: str) -> bytes:
        """The text of the record of a run, as its checksum says it was written.

        Raises:
            FileNotFoundError: if there is none.
            CorruptRecord: if its checksum is wrong.
        """
        place = self.place(run)
        try:
            content = outside.content(place)
        except FileNotFoundError:
            raise
        except outside.NotPlain as fault:
            raise CorruptRecord(f"{place}: {fault}") from None
        except OSError as fault:
            raise StoreError(f"{place}: cannot be read: {fault.strerror}") from None
        head, _, body = content.partition(b"\n")
        expected = json.dumps({"format": FORMAT, "sha256": hashlib.sha256(body).hexdigest()})
        if head != expected.encode():
            raise CorruptRecord(f"{place}: the checksum does not match; the record is torn or was altered")
        return body

    def checksum(self, run: str) -> str:
        """The checksum that a record was written with; "" if there is no record."""
        try:
            with outside.opened(self.place(run)) as file:
                return file.read(200).partition(b"\n")[0].decode("ascii", errors="replace").strip()
        except (FileNotFoundError, outside.NotPlain):
            return ""

    def set_aside(self, run: str) -> Path:
        """Move a broken record out of the way, keeping it for inspection."""
        path = self.path(run)
        aside = self.root / "aside"
        aside.mkdir(exist_ok=True)
        number = sum(1 for _ in aside.glob(f"{run}.*"))
        target = aside / f"{run}.{number}.json"
        path.replace(target)
        return target

    def write(self, record: dict[str, Any], weights: dict[str, np.ndarray] | None) -> None:
        """Write the record of a finished run, its weights first.

        Raises:
            StoreError: if the disk refuses; nothing half-written stays under the record's name.
        """
        path = self.path(record["run"])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if weights is not None:
                from safetensors.numpy import save

                content = save({name: np.ascontiguousarray(value) for name, value in weights.items()})
                digest = hashlib.sha256(content).hexdigest()
                record = {**record, "weights": digest}
                write_atomic(path.with_suffix(".safetensors"), content)
            body = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
            head = json.dumps({"format": FORMAT, "sha256": hashlib.sha256(body).hexdigest()}).encode()
            write_atomic(path, head + b"\n" + body)
            self.forget(record["run"])
        except OSError as fault:
            raise StoreError(f"{path}: cannot be written: {fault.strerror}") from None

    def fail(self, run: str, reason: str) -> None:
        """Note why a run failed. It has no record, so the same command tries it again.

        Raises:
            StoreError: if the disk refuses.
        """
        path = self.path(run).with_suffix(".failed")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, reason.encode())
        except OSError as fault:
            raise StoreError(f"{path}: cannot be written: {fault.strerror}") from None

    def failure(self, run: str) -> str | None:
        """Why the last try of a run failed; None if it has not failed."""
        try:
            text = outside.content(self.path(run).with_suffix(".failed"), LARGEST_REASON).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except outside.NotPlain as fault:
            return f"the reason cannot be read: {fault}"
        return outside.one_line(text, LONGEST_REASON)

    def forget(self, run: str) -> None:
        """Forget that a run has failed: it is tried again.

        Raises:
            StoreError: if the disk refuses.
        """
        for suffix in (".failed", ".log"):
            path = self.path(run).with_suffix(suffix)
            try:
                path.unlink(missing_ok=True)
            except OSError as fault:
                raise StoreError(f"{path}: cannot be removed: {fault.strerror}") from None

    def log(self, run: str, text: str) -> None:
        """Keep what was said when a run failed, for whoever looks for the cause; a disk that refuses is not told of here."""
        path = self.path(run).with_suffix(".log")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, text[-LONGEST_LOG:].encode(errors="replace"), settle=False)

    def weights(self, run: str, shapes: Mapping[str, tuple[int, ...]] | None = None) -> dict[str, np.ndarray]:
        """The trained weights of a run by name, without the replica axis.

        Args:
            run: the identity of the run.
            shapes: what its model has (`Model.shapes`): other names or shapes are refused before anything is loaded.

        Raises:
            CorruptRecord: if they are not the ones that the record was written with, or not those of the model.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = self.path(run).with_suffix(".safetensors")
        if not path.exists():
            raise CorruptRecord(f"{path}: the weights are missing")
        try:
            content = outside.content(path)
        except outside.NotPlain as fault:
            raise CorruptRecord(f"{path}: {fault}") from None
        if hashlib.sha256(content).hexdigest() != self.read(run).get("weights"):
            raise CorruptRecord(f"the weights of run {run} do not match its record")
        if shapes is not None:
            demand_weights(content, shapes, str(path))
        try:
            loaded: dict[str, np.ndarray] = load(content)
        except (SafetensorError, ValueError, TypeError, LookupError) as fault:
            raise CorruptRecord(f"{path}: no weights: {fault}") from None
        return loaded

    def runs(self) -> Iterator[str]:
        """The identities of all records, in order."""
        yield from sorted(path.stem for path in self.root.glob("[0-9a-f][0-9a-f]/*.json"))


def ahead(read: Callable[[Sequence[str]], list[_Found]], runs: Sequence[str]) -> Iterator[_Found]:
    """What `read` finds of each run, in order; of many runs, threads read ahead while what was found is looked at."""
    if len(runs) <= _PART:
        yield from read(runs)
        return
    with ThreadPoolExecutor(_READERS) as readers:
        waiting: deque[Future[list[_Found]]] = deque()
        for start in range(0, len(runs), _PART):
            waiting.append(readers.submit(read, runs[start : start + _PART]))
            if len(waiting) > _AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
