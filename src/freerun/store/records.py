"""Store of records: checksummed files, each written once, never silently wrong.

One content-addressed folder for all studies. A trained run has one record, ``RUN.json``, and its weights beside it as
safetensors, named by their own hash; each measurement of it has one, ``RUN-MEASUREMENT.json``. A record is written once: a
temporary file, fsync, rename. It is JSON in a container, a line with the SHA-256 of the rest before it. One that is torn or
altered is set aside, and what it held done again. No pickle, no torch, no pandas.

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

import msgspec
import numpy as np

from freerun.errors import CorruptRecord, StoreError, refused
from freerun.io import container, reading
from freerun.io.text import one_line
from freerun.io.writing import write_atomic
from freerun.store import record_schema
from freerun.store.failures import Failures
from freerun.store.record_schema import understood
from freerun.store.record_types import Measured, Record, Trained
from freerun.store.store_folder import StoreFolder
from freerun.store.weights_header import demand_weights, most_weights

FORM = container.Form("record", 1)
#: Most bytes of a record, and of weights of which nothing is known.
LARGEST, LARGEST_WEIGHTS = 2**28, 2**34
#: What the names of tensors begin with that a feeder remembers.
MEMORY = "memory/"
#: The identity of a trained run, and that of a measurement of it.
IDENTITY = re.compile(r"[0-9a-f]{16}(-[0-9a-f]{8})?")


def trained_run(run: str) -> str:
    """Return the identity of the trained run, given its own or that of a measurement of it."""
    return run[:16]


def names(runs: Iterable[str]) -> dict[str, str]:
    """Return the names of runs in tables, by identity: that of the trained run where it is measured in one way only."""
    identities = list(dict.fromkeys(runs))
    count = Counter(map(trained_run, identities))
    return {run: trained_run(run) if count[trained_run(run)] == 1 else run for run in identities}


class Store(StoreFolder):
    """The records under one folder.

    Attributes:
        failures: why runs have failed that have no record.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.failures = Failures(self.path, self.make_room)
        self._folder = f"{root}{os.sep}"

    def path(self, run: str) -> Path:
        """Return the file of a run's record."""
        return Path(self.place(run))

    def place(self, run: str) -> str:
        """Return the file of a run's record as text, which is faster than a `Path` for thousands of runs."""
        if not IDENTITY.fullmatch(run):
            raise StoreError(f"{run!r} is not the identity of a run")
        return f"{self._folder}{run[:2]}{os.sep}{run}.json"

    def has(self, run: str) -> bool:
        """Return whether a run has a sound record, and a measurement one of its trained run too; a broken one is set aside."""
        trained_id = trained_run(run)
        if trained_id != run and not self.has(trained_id):
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
        trained_id = trained_run(run)
        try:
            self.demand_whole(run, self.body(run), None if trained_id == run else self.body(trained_id))
        except FileNotFoundError:
            return False
        return True

    def demand_whole(self, run: str, body: bytes, trained_body: bytes | None = None) -> None:
        """Check that a text is the record of this run, in the form of a record, and that its weights are there.

        Args:
            body: the text, as its checksum says it was written.
            trained_body: of a measurement, the text of the record of its trained run.

        Raises:
            CorruptRecord: if not, or if it is the measurement of other weights.
        """
        if trained_body is None:
            self._trained(run, body)
        else:
            self.whole(run, body, trained_body)

    def whole(self, run: str, body: bytes, trained_body: bytes | None = None) -> Record:
        """Return what was trained and what was measured of it.

        Args:
            body, trained_body: as in `demand_whole`; without `trained_body` the record has to hold both.

        Raises:
            CorruptRecord: as `demand_whole`.
        """
        measured = record_schema.measured(body, run, self.place(run))
        trained = self._trained(trained_run(run), body if trained_body is None else trained_body)
        if trained_body is None:
            return Record(trained, measured)
        if measured.of != (trained.weights or ""):
            raise CorruptRecord(f"{self.place(run)}: is a measurement of other weights")
        return together(trained, measured)

    def _trained(self, run: str, body: bytes) -> Trained:
        trained = record_schema.trained(body, run, self.place(run))
        if trained.weights and not self.path(run).with_suffix(".safetensors").exists():
            raise CorruptRecord(f"{self.path(run)}: the weights are missing")
        return trained

    def read(self, run: str) -> dict[str, Any]:
        """Return the record of a run; of a measurement, together with that of its trained run.

        Raises:
            FileNotFoundError: if there is none, or the trained run has none.
            CorruptRecord: if its checksum, its form or its identity is wrong.
        """
        record = understood(self.body(run), run, self.place(run))
        trained_id = trained_run(run)
        if trained_id == run:
            return record
        trained = understood(self.body(trained_id), trained_id, self.place(trained_id))
        try:
            return {**trained, **record, "experiment": joined(trained["experiment"], record["evaluation"])} | {
                "provenance": trained["provenance"] | {"evaluation_seconds": record["provenance"]["evaluation_seconds"]}
            }
        except (LookupError, TypeError) as fault:
            raise CorruptRecord(f"{self.place(run)}: no measurement of a run: {one_line(fault, 60)}") from None

    def measurements(self, run: str) -> list[str]:
        """Return the identities of all measurements of a trained run, in order."""
        return sorted(path.stem for path in self.path(trained_run(run)).parent.glob(f"{trained_run(run)}-*.json"))

    def status(self, run: str) -> str | None:
        """Return what became of a run, ``done`` or ``diverged``; None if it has no sound record."""
        trained_id = trained_run(run)
        try:
            if trained_id != run:
                record_schema.status(self.body(run), run, self.place(run))
            return record_schema.status(self.body(trained_id), trained_id, self.place(trained_id))
        except (FileNotFoundError, CorruptRecord):
            return None

    def body(self, run: str) -> bytes:
        """Return the text of the record of a run, as its checksum says it was written.

        Raises:
            FileNotFoundError: if there is none.
            CorruptRecord: if its checksum is wrong.
            StoreError: if another version of Freerun wrote it in another form.
        """
        return _body(self.place(run))

    def checksum(self, run: str) -> str:
        """Return the checksum that a record was written with; "" if there is no record."""
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
            self.make_room(target)
            path.replace(target)
            try:
                trained_id = trained_run(run)
                self.demand_whole(run, _body(str(target)), None if trained_id == run else self.body(trained_id))
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
            self.make_room(path)
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

    def weights(
        self, run: str, shapes: Mapping[str, tuple[int, ...]] | None = None, *, memory: bool = False
    ) -> dict[str, np.ndarray]:
        """Return the trained weights of a run by name, without the replica axis.

        Args:
            run: the identity of the run, or of a measurement of it.
            shapes: of the model's weights (`Model.shapes`), and with `memory` of what the feeder remembers: a file with other
                names or shapes is refused before anything is loaded.
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
        """Yield the identities of all measurements, in order, and of the runs of which there is none."""
        identities = sorted(path.stem for path in self.root.glob("[0-9a-f][0-9a-f]/*.json"))
        measured = {trained_run(run) for run in identities if "-" in run}
        yield from (run for run in identities if run not in measured)


def together(trained: Trained, measured: Measured) -> Record:
    """Return one record of a trained run and a measurement of it, with the experiment as it was asked for."""
    provenance = msgspec.structs.replace(trained.provenance, evaluation_seconds=measured.provenance.evaluation_seconds)
    tree = joined(trained.experiment, measured.evaluation)
    return Record(msgspec.structs.replace(trained, experiment=tree, provenance=provenance), measured)


def joined(tree: dict[str, Any], evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return the experiment of a trained run with the evaluation settings of a measurement."""
    return {**tree, "evaluation": {**tree["evaluation"], **evaluation}}


def content_at(place: str) -> bytes:
    """Return the bytes of a record's file, which may be torn or altered.

    Raises:
        FileNotFoundError: if there is none.
        CorruptRecord: if it is no plain file, or longer than a record.
        StoreError: if the disk refuses.
    """
    try:
        return reading.content(place, LARGEST)
    except FileNotFoundError:
        raise
    except reading.NotPlain as fault:
        raise CorruptRecord(f"{place}: {fault}") from None
    except OSError as fault:
        raise refused(place, "cannot be read", fault) from None


def body_of(content: bytes, place: str) -> bytes:
    """Return the text of a record from the bytes of its file.

    Raises:
        CorruptRecord: if it is torn or altered.
        StoreError: if another version of Freerun wrote it in another form: it is sound, and stays where it is.
    """
    try:
        return container.unwrapped(content, FORM)
    except container.OtherVersion as fault:
        raise StoreError(f"{place}: {fault}") from None
    except reading.NotPlain as fault:
        raise CorruptRecord(f"{place}: {fault}") from None


def _body(place: str) -> bytes:
    return body_of(content_at(place), place)
