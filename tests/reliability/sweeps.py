"""Sweep of 24 tiny runs that can be stopped, broken or starved at any operation on its files.

Every case runs in a child that is forked from a process which has already imported and planned everything, so that a case costs
a second. A child is told what to do with its files: count the operations, die at one, or be refused at one.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SHAPE = [
    "task=adding", "model=sequence_to_one", "task.sequences=8", "task.length=4", "model.hidden=2", "training.updates=3",
    "training.batch=2", "training.log_every=1", "evaluation.sequences=4",
]  # fmt: skip
RUNS = [*SHAPE, "seed=range(12)", "training.lr=1e-3,1e-2"]
#: Errors of a disk.
REFUSALS = {"no space": errno.ENOSPC, "I/O error": errno.EIO, "permission": errno.EACCES, "read-only": errno.EROFS}


@cache
def study(*words: str):
    from freerun.sweeps import study as studies

    return studies.adhoc(list(words or RUNS), sweep=True)


def one_thread() -> None:
    """Compute with one thread, as who forks has to: a child has none of the others, and waits for them."""
    import torch

    torch.set_num_threads(1)


@cache
def warm() -> None:
    """Import and plan whatever a case needs, before the first fork."""
    one_thread()

    from freerun.analysis.report import summary  # noqa: F401
    from freerun.execution import group_runner  # noqa: F401

    study()
    with folder() as place:
        assert ended(fork(lambda: sweep(place))).code == 0
        with redirect_stdout(io.StringIO()):
            sweep(place / "again")


@contextmanager
def folder():
    """A folder of its own, in memory where there is such a place: syncing a disk is not what is tested."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="freerun-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def sweep(place: Path, *, words: tuple[str, ...] = (), **settings) -> int:
    """What `freerun run` does, from the plan to the tables; returns the exit code."""
    from freerun.analysis import outputs
    from freerun.execution import launchers
    from freerun.store import results_folder
    from freerun.sweeps import sweep as sweeping

    asked = study(*words)
    name = settings.pop("launcher", "inline")
    launcher, _ = launchers.choose([f"launcher={name}", "launcher.checkpoint=1"], {"group": 6, **settings})
    where = results_folder.Place(results=place / "results")
    failed = sweeping.do(asked, where, launcher)
    results = outputs.of(asked.name, where)
    results.write_tables()
    return sweeping.settle(failed, where, asked.name)


@dataclass
class Ended:
    """How a child ended: its exit code, negative for a signal, and what it said on standard error."""

    code: int
    said: str


def fork(
    work: Callable[[], int], touch: Callable[[], None] = lambda: None, *, before: Callable[[], None] | None = None
) -> tuple[int, Path]:
    """Start a child that does `work` as the command line would, after `touch` has laid hands on its files.

    Args:
        before: is called before the command line has begun.
    """
    handle, said = tempfile.mkstemp(prefix="freerun-said-")
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.close(handle)
        return child, Path(said)
    code = 70
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(handle, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False, buffering=1)
        if before is not None:
            before()
        code = _as_a_command(work, touch)
        sys.stderr.flush()
    finally:
        os._exit(code)


def _as_a_command(work: Callable[[], int], touch: Callable[[], None]) -> int:
    """The exit code and the one line of `freerun.cli.main`, around any work."""
    from freerun.cli import main

    main.dispatch = lambda words: (touch(), work())[1]
    try:
        main.main([])
    except SystemExit as end:
        return int(end.code or 0)


def ended(child: tuple[int, Path], within: float = 120) -> Ended:
    """Wait for a child."""
    pid, said = child
    limit = time.monotonic() + within
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > limit:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError(f"a child did not end within {within} s")
        time.sleep(0.005)
    text = said.read_text(errors="replace")
    said.unlink()
    return Ended(os.waitstatus_to_exitcode(status), text)


class Forked:
    """A worker process that is forked from this warm one instead of started anew: the same program, seconds sooner."""

    def __init__(self, arguments: list[str], watch: Callable[[], None]) -> None:
        (order_out, order_in), (answer_out, answer_in) = os.pipe(), os.pipe()
        self.returncode = None
        self.pid = os.fork()
        if not self.pid:
            try:
                os.setsid()
                os.dup2(order_out, 0)
                os.dup2(answer_in, 1)
                os.closerange(3, 1024)
                sys.stdin, sys.argv = open(0, encoding="utf-8"), ["worker", arguments[-1]]
                from freerun.execution import worker_process

                watch()
                worker_process.main()
            finally:
                os._exit(1)
        os.close(order_out)
        os.close(answer_in)
        self.stdin, self.stdout = os.fdopen(order_in, "wb", buffering=0), os.fdopen(answer_out, "rb", buffering=0)

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode


def forked_workers(watch: Callable[[], None] = lambda: None) -> None:
    """Have this process fork its workers, each of which calls `watch` first."""
    from types import SimpleNamespace

    from freerun.io import child_process

    child_process.subprocess = SimpleNamespace(Popen=lambda arguments, **_: Forked(arguments, watch), PIPE=-1)


def wait_for_end_of(orphans: Sequence[int], seconds: float = 20.0) -> None:
    """Wait until processes that are no children of this one have ended."""
    until = time.monotonic() + seconds
    while alive := [orphan for orphan in orphans if _runs(orphan)]:
        assert time.monotonic() < until, f"processes {alive} outlive their driver"
        time.sleep(0.005)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Operations:
    """What a process does to the files below a folder, counted: opening to write, syncing, renaming, removing, making.

    Args:
        root: the folder.
        at: the operation at which `then` is called with what it is; 0 for none.
        sticky: at every operation from `at` on.
    """

    def __init__(self, root: Path, at: int = 0, then: Callable[[str, int], None] = lambda what, handle: None, *, sticky=False):
        self.root, self.at, self.then, self.sticky = str(root.resolve()), at, then, sticky
        self.count = 0
        self._fsync = os.fsync

    def watch(self) -> None:
        """From now on, for the life of this process."""
        sys.addaudithook(self._hear)
        os.fsync = self._synced

    def _hear(self, event: str, arguments: tuple) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = (
                flags & (os.O_WRONLY | os.O_RDWR) if isinstance(flags, int) else any(sign in (mode or "") for sign in "wax+")
            )
            if writes and isinstance(path, (str, bytes, os.PathLike)):
                self._next("open", os.fsdecode(path))
        elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            self._next(event, os.fsdecode(arguments[0]))

    def _synced(self, handle: int) -> None:
        self._next("fsync", os.readlink(f"/proc/self/fd/{handle}"), handle)
        self._fsync(handle)

    def _next(self, what: str, path: str, handle: int = -1) -> None:
        if os.path.abspath(path).startswith(self.root):
            self.count += 1
            if self.at and (self.count == self.at or (self.sticky and self.count > self.at)):
                self.then(what, handle)


def die(what: str, handle: int) -> None:
    """Die as the power goes: what was not forced to disk is half there."""
    if what == "fsync" and os.path.isfile(f"/proc/self/fd/{handle}"):
        os.ftruncate(handle, os.fstat(handle).st_size // 2)
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(number: int) -> Callable[[str, int], None]:
    """Refuse as a disk does."""

    def then(what: str, handle: int) -> None:
        raise OSError(number, os.strerror(number))

    return then


def whole(place: Path) -> None:
    """Under its name every file is whole: old or new, never half of it."""
    import json

    import pyarrow.parquet
    from safetensors.numpy import load

    from freerun.errors import CorruptRecord
    from freerun.store.records import Store

    store = Store(place / "results" / ".store")
    for run in store.runs():
        try:
            store.read(run)
        except CorruptRecord as fault:
            raise AssertionError(f"a record is not whole: {fault}") from fault
    readers = {".plan": json.load, ".parquet": pyarrow.parquet.read_table, ".safetensors": lambda file: load(file.read())}
    found = [path for path in (place / "results").rglob("*") if path.suffix in readers or path.name == "study.json"]
    for path in found:
        if not path.name.startswith("."):
            try:
                with open(path, "rb") as file:
                    readers.get(path.suffix, json.load)(file)
            except Exception as fault:
                raise AssertionError(f"{path.name} is not whole: {fault}") from fault


def tables(place: Path) -> dict[str, str]:
    """The digest of every table."""
    found = sorted((place / "results").glob("*/*.*"))
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def bodies(place: Path) -> dict[str, dict]:
    """Every record without what differs between two executions of one plan."""
    from freerun.store.records import Store

    store = Store(place / "results" / ".store")
    found = {run: store.read(run) for run in store.runs()}
    for record in found.values():
        made = record.pop("provenance")
        record["data"] = made["data"]
    return found


def demand_kept(kept: dict[str, dict], records: dict[str, dict]) -> None:
    """What is there is what would be there in the end; a run that is trained and not measured yet is so as far as it goes."""
    of_trained = {run.partition("-")[0]: record for run, record in records.items()}
    for run, record in kept.items():
        if "-" in run:
            assert records[run] == record, f"{run} is another record"
        else:
            assert all(of_trained[run][key] == record[key] for key in ("weights", "curves")), f"{run} is another run"


@cache
def undisturbed(*words: str) -> tuple[dict[str, str], dict[str, dict]]:
    """The tables and records of the sweep that nothing happened to."""
    with folder() as place:
        assert ended(fork(lambda: sweep(place, words=words))).code == 0
        return tables(place), bodies(place)


def resumed(place: Path, orphans: Sequence[int] = (), **settings) -> None:
    """The same command again: it ends well, and its tables are those of the undisturbed sweep.

    Args:
        place: of the sweep.
        orphans: workers of a driver that is dead. They die when they hear of it, which may be while the command works: what
            they leave is then cleared away by the next one.
        settings: of the sweep.
    """
    end = ended(fork(lambda: sweep(place, **settings)))
    assert end.code == 0, end
    expected, records = undisturbed()
    assert tables(place) == expected
    assert bodies(place) == records
    if orphans:
        wait_for_end_of(orphans)
        assert ended(fork(lambda: sweep(place, **settings))).code == 0
    left = [str(path.relative_to(place)) for path in (place / "results" / ".store").rglob("*") if path.is_file()]
    assert all(
        path.endswith((".json", ".safetensors", ".players")) or Path(path).parts[2] in ("aside", "lock", "index")
        for path in left
    ), left
