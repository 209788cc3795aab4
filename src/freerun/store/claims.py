"""Claims of runs by working processes, so that two sweeps on one store neither lose a run nor do one twice.

Every working process keeps one small file, `alive/PROCESS.N.json`, with the runs it has claimed and how far it is, and
writes it anew every `BEAT` seconds. Claims are taken under a lock on the store. A claim ends with its process: on the same
machine the process is looked up, on another one the file has to be younger than `SILENCE`. Should a claim be given up wrongly,
a run is done twice with the same result; it is never lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freerun.errors import StoreError, refused
from freerun.io import processes, reading
from freerun.io.writing import write_atomic
from freerun.store import player_records
from freerun.store.records import Store, trained_run

FOLDER, LOCK = "alive", "lock"
#: Seconds between two signs of life; after how many without one a process on another machine is taken for dead.
BEAT, SILENCE = 10.0, 120.0
LARGEST = 2**24
_numbers = itertools.count()
#: The names of the claims of this process that are not released: a file of it that is none of them was left in a folder that
#: had another name for a while.
_held: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A process that is at work.

    Attributes:
        runs: what it has claimed.
        progress: of its group: update, updates, losses.
    """

    host: str
    pid: int
    runs: list[str]
    progress: dict[str, Any] = field(default_factory=dict)


class Claims:
    """The claims of this process on the runs of a store.

    Raises:
        StoreError: if the store cannot be written to or locked.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = f"{processes.name()}.{next(_numbers)}"
        self._mine: list[str] = []
        self._present = False
        self._progress: dict[str, Any] = {}
        self._beating = threading.Event()
        self._writing = threading.Lock()

    @contextlib.contextmanager
    def presence(self) -> Iterator[None]:
        """Give a sign of life without a claim, so that nobody cleans up under a sweep that is about to begin."""
        self._present = True
        with locked(self.store):
            self._write()
        self._keep_beating()
        try:
            yield
        finally:
            self._present = False
            self.release()

    def take(self, runs: Iterable[str]) -> list[str]:
        """Claim those of the runs that nobody else is doing and that are not done; returns them.

        Of a run that is not trained yet nobody begins a second measurement, for either would train it.
        """
        with locked(self.store):
            elsewhere = owners(self.store).keys()
            begun = {trained_run(run) for run in elsewhere}

            def free(run: str) -> bool:
                untouched = trained_run(run) not in begun or self.store.has(trained_run(run))
                return run not in elsewhere and untouched and not player_records.complete(self.store, run)

            taken = [run for run in runs if free(run)]
            self._mine += taken
            self._write()
        self._keep_beating()
        return taken

    def _keep_beating(self) -> None:
        if not self._beating.is_set():
            self._beating.set()
            threading.Thread(target=self._beat, daemon=True).start()

    def release(self) -> None:
        """Give up all claims, and with them the sign of life."""
        with self._writing:
            self._mine, self._progress = [], {}
            if self._present:
                return
            self._beating.clear()
            _held.discard(self.name)
            with contextlib.suppress(OSError):  # it ends with this process at the latest
                self._path().unlink(missing_ok=True)

    def report(self, progress: dict[str, Any]) -> None:
        """Record how far the claimed group is; other processes see it at the next sign of life."""
        self._progress = progress

    def _beat(self) -> None:
        while self._beating.is_set():
            time.sleep(BEAT)
            with contextlib.suppress(OSError, StoreError):  # a full disk ends the run where its record is written
                self._write()

    def _write(self) -> None:
        with self._writing:
            if self._mine or self._present:
                _held.add(self.name)
                host, pid = processes.host(), os.getpid()
                content = {"host": host, "pid": pid, "runs": self._mine, "progress": self._progress}
                try:
                    self.store.make_room(self._path())
                    write_atomic(self._path(), json.dumps(content).encode(), settle=False)
                except OSError as fault:
                    raise refused(self._path(), "cannot be written", fault) from None

    def _path(self) -> Path:
        return self.store.root / FOLDER / f"{self.name}.json"


def owners(store: Store) -> dict[str, Owner]:
    """Return the process that does a run, by run, for all that are being done; files of dead processes are removed."""
    owner_by_run: dict[str, Owner] = {}
    for owner in alive(store):
        owner_by_run |= dict.fromkeys(owner.runs, owner)
    return owner_by_run


def alive(store: Store) -> Iterator[Owner]:
    """Yield the processes that are at work on a store."""
    paths, now = sorted((store.root / FOLDER).glob("*.json")), None
    for path in paths:
        try:
            now = _now(store) if now is None else now
            age = now - path.stat().st_mtime
            content = json.loads(reading.content(path, LARGEST))
            owner = Owner(**{name: content[name] for name in ("host", "pid", "runs", "progress")})
            sound = isinstance(owner.pid, int) and isinstance(owner.runs, list) and isinstance(owner.progress, dict)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            sound = False
        writer = path.stem.partition(".")[0]
        living = processes.alive(writer) if sound and (writer != processes.name() or path.stem in _held) else False
        if age < SILENCE if living is None else living:
            yield owner
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _now(store: Store) -> float:
    """Return the time by the clock of the file system, which on a network is not this machine's."""
    probe = store.root / FOLDER / f".now.{processes.name()}.tmp"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:  # a store that can only be read
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(store: Store) -> Iterator[None]:
    """Hold the lock of the store, so that no other process that asks for it works on the store meanwhile.

    Raises:
        StoreError: if it cannot be locked.
    """
    path = store.root / LOCK
    store.demand_here()
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:
        raise store.gone() from None
    except OSError as fault:
        raise refused(path, "cannot be opened", fault) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as fault:
            raise StoreError(f"{path}: this file system has no locks ({fault.strerror}); put --results on another") from None
        yield
    finally:
        os.close(handle)
