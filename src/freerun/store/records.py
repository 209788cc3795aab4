"""Store of records: one checksummed file a run, written once, never silently wrong.

One content-addressed folder for all studies. A run has one record, written once: a temporary file, fsync, rename. The record
is JSON in a container, a line with the SHA-256 of the rest before it; weights stand beside it as safetensors, their own digest
in the record. A record that is torn or altered is set aside and its run done again. No pickle, no torch, no pandas.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from freerun.errors import CorruptRecord, StoreError, refused
from freerun.io import container, processes, reading
from freerun.io.writing import sweep_temporaries, write_atomic
from freerun.store import record_schema
from freerun.store.failures import Failures
from freerun.store.record_schema import demand_weights, most_weights, understood

FORM = container.Form("record", 1)
#: Most bytes of a record, and of weights of which nothing is known.
LARGEST, LARGEST_WEIGHTS = 2**28, 2**34
_IDENTITY = re.compile(r"[0-9a-f]{16}")


class Store:
    """The records under one folder.

    Attributes:
        root: the folder.
        failures: why runs have failed that have no record.

    Raises:
        StoreError: if the folder cannot be made or written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.failures = Failures(self.path)
        self._folder = f"{root}{os.sep}"

    def open(self) -> None:
        """Make the folder, see that it can be written to, and clear away what killed writers left.

        Raises:
            StoreError: if it cannot.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe.{processes.name()}.tmp"
            probe.write_bytes(b"")
            probe.unlink()
            sweep_temporaries(self.root)
        except OSError as fault:
            raise refused(self.root, "cannot be written to", fault) from None

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
            return self._sound(run)
        except CorruptRecord:
            self.set_aside(run)
        try:  # it may have been put right meanwhile
            return self._sound(run)
        except CorruptRecord:
            return False

    def _sound(self, run: str) -> bool:
        try:
            self.demand_whole(run, self.body(run))
        except FileNotFoundError:
            return False
        return True

    def demand_whole(self, run: str, body: bytes) -> None:
        """See that the text of a record is that of this run, of a record's form, and not without its weights.

        Raises:
            CorruptRecord: if not.
        """
        record = record_schema.typed(body, run, self.place(run))
        if record.trained.weights and not self.path(run).with_suffix(".safetensors").exists():
            raise CorruptRecord(f"{self.path(run)}: the weights are missing")

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
            return record_schema.status(self.body(run), run, self.place(run))
        except (FileNotFoundError, CorruptRecord):
            return None

    def body(self, run: str) -> bytes:
        """The text of the record of a run, as its checksum says it was written.

        Raises:
            FileNotFoundError: if there is none.
            CorruptRecord: if its checksum is wrong.
        """
        return _body(self.place(run))

    def checksum(self, run: str) -> str:
        """The checksum that a record was written with; "" if there is no record."""
        try:
            with reading.opened(self.place(run)) as file:
                return file.read(container.LONGEST_HEAD).partition(b"\n")[0].decode("ascii", errors="replace").strip()
        except (FileNotFoundError, reading.NotPlain):
            return ""

    def set_aside(self, run: str) -> Path | None:
        """Move a broken record out of the way, keeping it for inspection; None if there was none any more.

        What was moved is looked at once more: another process may have put a sound record in the place of the broken one just
        before, and that goes back.

        Raises:
            StoreError: if the disk refuses.
        """
        path, aside = self.path(run), self.root / "aside"
        target = aside / f"{run}.{sum(1 for _ in aside.glob(f'{run}.*'))}.json"
        try:
            aside.mkdir(exist_ok=True)
            path.replace(target)
            try:
                self.demand_whole(run, _body(str(target)))
            except CorruptRecord:
                return target
            target.replace(path)
        except FileNotFoundError:  # another process was faster
            pass
        except OSError as fault:
            raise refused(path, "cannot be set aside", fault) from None
        return None

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
            write_atomic(path, container.wrapped(body, FORM))
            self.failures.forget(record["run"])
        except OSError as fault:
            raise refused(path, "cannot be written", fault) from None

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
            content = reading.content(path, LARGEST_WEIGHTS if shapes is None else most_weights(shapes))
        except reading.NotPlain as fault:
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


def _body(place: str) -> bytes:
    try:
        return container.unwrapped(reading.content(place, LARGEST), FORM)
    except FileNotFoundError:
        raise
    except reading.NotPlain as fault:
        raise CorruptRecord(f"{place}: {fault}") from None
    except OSError as fault:
        raise refused(place, "cannot be read", fault) from None
