"""Who is doing which run? So that two sweeps on one store neither lose a run nor do one twice.

Every working process keeps one small file, `alive/HOST-PID-START.json`, with the runs it has claimed and how far it is, and
writes it anew every `BEAT` seconds. Claims are taken under a lock on the store. A claim ends with its process: on the same
machine the process is looked up, on another one the file has to be younger than `SILENCE`. Should a claim be given up wrongly,
a run is done twice with the same result; it is never lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freerun.errors import StoreError
from freerun.store import Store, write_atomic

FOLDER, LOCK = "alive", "lock"
#: Seconds between two signs of life; after how many without one a process on another machine is taken for dead.
BEAT, SILENCE = 10.0, 120.0
LARGEST = 2**20


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
        self.name = f"{_host()}-{os.getpid()}-{_started(os.getpid())}"
        self._mine: list[str] = []
        self._progress: dict[str, Any] = {}
        self._beating = threading.Event()
        self._writing = threading.Lock()

    def take(self, runs: Iterable[str]) -> list[str]:
        """Claim those of the runs that nobody else is doing and that are not done; returns them."""
        with _locked(self.store):
            others = owners(self.store)
            free = [run for run in runs if run not in others and not self.store.has(run)]
            self._mine += free
            self._write()
        if not self._beating.is_set():
            self._beating.set()
            threading.Thread(target=self._beat, daemon=True).start()
        return free

    def release(self) -> None:
        """Give up all claims, and with them the sign of life."""
        with self._writing:
            self._mine, self._progress = [], {}
            self._beating.clear()
            with contextlib.suppress(OSError):  # it ends with this process at the latest
                self._path().unlink(missing_ok=True)

    def report(self, progress: dict[str, Any]) -> None:
        """Say how far the claimed group is; others see it at the next beat."""
        self._progress = progress

    def _beat(self) -> None:
        while self._beating.is_set():
            time.sleep(BEAT)
            with contextlib.suppress(OSError, StoreError):  # a full disk ends the run where its record is written
                self._write()

    def _write(self) -> None:
        with self._writing:
            if self._mine:
                host, pid = _host(), os.getpid()
                content = {"host": host, "pid": pid, "runs": self._mine, "progress": self._progress}
                try:
                    self._path().parent.mkdir(exist_ok=True)
                    write_atomic(self._path(), json.dumps(content).encode(), settle=False)
                except OSError as fault:
                    raise StoreError(f"{self._path()}: cannot be written: {fault.strerror}") from None

    def _path(self) -> Path:
        return self.store.root / FOLDER / f"{self.name}.json"


def owners(store: Store) -> dict[str, Owner]:
    """Every run that is being done, with the process that does it; what dead processes left is removed."""
    found: dict[str, Owner] = {}
    for owner in alive(store):
        found |= dict.fromkeys(owner.runs, owner)
    return found


def alive(store: Store) -> Iterator[Owner]:
    """The processes that are at work on a store."""
    for path in sorted((store.root / FOLDER).glob("*.json")):
        try:
            age = time.time() - path.stat().st_mtime
            with open(path, "rb") as file:
                content = json.loads(file.read(LARGEST))
            owner = Owner(**{name: content[name] for name in ("host", "pid", "runs", "progress")})
            sound = isinstance(owner.pid, int) and isinstance(owner.runs, list) and isinstance(owner.progress, dict)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            sound = False
        if sound and (_runs_here(path.stem) if owner.host == _host() else age < SILENCE):
            yield owner
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _runs_here(name: str) -> bool:
    """Whether the process of a claim on this machine is the one that is alive under its number."""
    _, pid, started = name.rsplit("-", 2)
    return pid.isdigit() and _started(int(pid)) == started


def _started(pid: int) -> str:
    """When a process was started, in ticks since the machine was; "" if there is none, "0" where that cannot be known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *rest = text.rpartition(")")[2].split()
        return "" if state in "ZX" else rest[18]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
    except OSError:
        return "0"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "0"


def _host() -> str:
    return socket.gethostname().replace("-", "_").replace("/", "_") or "unnamed"


@contextlib.contextmanager
def _locked(store: Store) -> Iterator[None]:
    path = store.root / LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as fault:
        raise StoreError(f"{path}: cannot be opened: {fault.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as fault:
            raise StoreError(f"{path}: this file system has no locks ({fault.strerror}); put --results on another") from None
        yield
    finally:
        os.close(handle)
