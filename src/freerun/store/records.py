"""Store of records: checksummed files, each written once, never silently wrong.

One content-addressed folder for all studies. A trained run has one record, ``RUN.json``, and its weights beside it as
safetensors, named by their own hash; each measurement of it has one, ``RUN-MEASUREMENT.json``. A record is written once: a
temporary file, fsync, rename. It is two lines of JSON, the first with the SHA-256 of the second. One that is torn or altered
is set aside, and what it held done again. No pickle, no torch, no pandas.

Up to generation 4 a run was trained and measured in one; its record is read as what it is, a run with its measurement.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from freerun.errors import CorruptRecord, StoreError, refused
from freerun.io import processes, reading
from freerun.io.text import one_line
from freerun.io.writing import sweep_temporaries, write_atomic
from freerun.store.failures import Failures
from freerun.store.record_schema import demand_weights, most_weights, understood

FORMAT = 1
#: Most bytes of a record, and of weights of which nothing is known.
LARGEST, LARGEST_WEIGHTS = 2**28, 2**34
#: What the names of tensors begin with that a feeder remembers.
MEMORY = "memory/"
#: The identity of a trained run, and that of a measurement of it.
IDENTITY = re.compile(r"[0-9a-f]{16}(-[0-9a-f]{8})?")
#: What the record of a trained run and that of its measurement make one of.
_OF_MEASUREMENT = ("series", "comparisons", "quantities", "sample", "metrics")


def trained_run(run: str) -> str:
    """The trained run that an identity is of, its own or that of a measurement."""
    return run[:16]


def names(runs: Iterable[str]) -> dict[str, str]:
    """What runs are called in the tables of a study, by identity: a run that is measured in one way by that of its training."""
    every = list(dict.fromkeys(runs))
    count = Counter(map(trained_run, every))
    return {run: trained_run(run) if count[trained_run(run)] == 1 else run for run in every}


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
        if not IDENTITY.fullmatch(run):
            raise StoreError(f"{run!r} is not the identity of a run")
        return f"{self._folder}{run[:2]}{os.sep}{run}.json"

    def has(self, run: str) -> bool:
        """Whether a run has a sound record, and a measurement one of its trained run too; a broken one is set aside."""
        own = trained_run(run)
        if own != run and not self.has(own):
            return False
        try:
            return self._sound(run)
        except CorruptRecord:
            self.set_aside(run)
        try:  # it may have been put right meanwhile
            return self._sound(run)
        except CorruptRecord:
            return False

    def _sound(self, run: str) -> bool:
        own = trained_run(run)
        try:
            self.whole(run, self.body(run), None if own == run else self.body(own))
        except FileNotFoundError:
            return False
        return True

    def whole(self, run: str, body: bytes, of: bytes | None = None) -> dict[str, Any]:
        """The record of a run from its text, looked through; of a measurement, together with that of its trained run.

        Args:
            body: the text, as its checksum says it was written.
            of: of a measurement, the text of the record of its trained run.

        Raises:
            CorruptRecord: if it is not that of this run, not of a record's form, without its weights, or the measurement of
                other weights.
        """
        record = understood(body, run, self.place(run), whole=True)
        if of is not None:
            trained = self.whole(trained_run(run), of)
            if record["of"] != trained.get("weights", ""):
                raise CorruptRecord(f"{self.place(run)}: is a measurement of other weights")
            return together(trained, record)
        if "weights" in record and not self.path(run).with_suffix(".safetensors").exists():
            raise CorruptRecord(f"{self.path(run)}: the weights are missing")
        return record

    def read(self, run: str) -> dict[str, Any]:
        """The record of a run; of a measurement, together with that of its trained run.

        Raises:
            FileNotFoundError: if there is none, or the trained run has none.
            CorruptRecord: if its checksum, its form or its identity is wrong.
        """
        record = understood(self.body(run), run, self.place(run))
        own = trained_run(run)
        if own == run:
            return record
        try:
            return together(understood(self.body(own), own, self.place(own)), record)
        except (LookupError, TypeError) as fault:
            raise CorruptRecord(f"{self.place(run)}: no measurement of a run: {one_line(fault, 60)}") from None

    def measurements(self, run: str) -> list[str]:
        """The identities of all measurements of a trained run, in order."""
        return sorted(path.stem for path in self.path(trained_run(run)).parent.glob(f"{trained_run(run)}-*.json"))

    def status(self, run: str) -> str | None:
        """What became of a run, ``done`` or ``diverged``; None if it has no sound record."""
        try:
            return str(self.read(run)["status"])
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
                return file.read(200).partition(b"\n")[0].decode("ascii", errors="replace").strip()
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
                own = trained_run(run)
                self.whole(run, _body(str(target)), None if own == run else self.body(own))
            except (CorruptRecord, FileNotFoundError):
                return target
            target.replace(path)
        except FileNotFoundError:  # another process was faster
            pass
        except OSError as fault:
            raise refused(path, "cannot be set aside", fault) from None
        return None

    def write(self, record: dict[str, Any], weights: dict[str, np.ndarray] | None) -> None:
        """Write the record of a trained run, its weights first, or of a measurement, which has none.

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
            write_atomic(path, _head(body) + b"\n" + body)
            self.failures.forget(record["run"])
        except OSError as fault:
            raise refused(path, "cannot be written", fault) from None

    def weights(
        self, run: str, shapes: Mapping[str, tuple[int, ...]] | None = None, *, memory: bool = False
    ) -> dict[str, np.ndarray]:
        """The trained weights of a run by name, without the replica axis.

        Args:
            run: the identity of the run, or of a measurement of it.
            shapes: what its model has (`Model.shapes`), with what is remembered where it is: other names or shapes are refused
                before anything is loaded.
            memory: also what the run's feeder remembered at the end of training, below ``memory/``.

        Raises:
            CorruptRecord: if they are not the ones that the record was written with, or not those of the model.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        run = trained_run(run)
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
        return {name: value for name, value in loaded.items() if memory or not name.startswith(MEMORY)}

    def runs(self) -> Iterator[str]:
        """The identities of all measurements, in order, and of the runs of which there is none."""
        every = sorted(path.stem for path in self.root.glob("[0-9a-f][0-9a-f]/*.json"))
        measured = {trained_run(run) for run in every if "-" in run}
        yield from (run for run in every if run not in measured)


def together(trained: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """The record of a trained run and of a measurement of it as one, with the experiment as it was asked for."""
    tree, made = trained["experiment"], trained["provenance"]
    evaluation = {**tree["evaluation"], **measured["evaluation"]}
    return {
        **trained, **{key: measured[key] for key in _OF_MEASUREMENT if key in measured}, "run": measured["run"],
        "experiment": {**tree, "evaluation": evaluation},
        "provenance": {**made, "evaluation_seconds": measured["provenance"]["evaluation_seconds"]},
    }  # fmt: skip


def _body(place: str) -> bytes:
    try:
        content = reading.content(place, LARGEST)
    except FileNotFoundError:
        raise
    except reading.NotPlain as fault:
        raise CorruptRecord(f"{place}: {fault}") from None
    except OSError as fault:
        raise refused(place, "cannot be read", fault) from None
    head, _, body = content.partition(b"\n")
    if head != _head(body):
        raise CorruptRecord(f"{place}: the checksum does not match; the record is torn or was altered")
    return body


def _head(body: bytes) -> bytes:
    return json.dumps({"format": FORMAT, "sha256": hashlib.sha256(body).hexdigest()}).encode()
