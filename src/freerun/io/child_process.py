"""Child process that answers in lines of JSON, seen from its parent: started, given orders, heard, ended with all it forked.

The other end of the two pipes is `freerun.io.parent_process`. The child leads a session of its own, so that whatever it forks
is ended with it, and its end is seen in the process itself, not only in the pipe: a forked process that outlives the child
keeps the pipe open. No wait here is longer than its limit.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Self

from freerun.errors import given

#: What a child tells: ``{"event": NAME, ...}``.
Event = dict[str, Any]
#: Seconds between two looks whether a silent child is still there.
LOOK = 0.1
#: Seconds that a child may take to end: one that has closed its channel, and one that was killed.
ENDING = 10.0
#: Threads of a library that wait give up their core: they would take it from those that compute, most of it with two of each.
WAITING = {"OMP_WAIT_POLICY": "passive"}
#: Bytes that are read or written at once.
PIECE = 2**16


class ChildProcess:
    """A Python module that runs in a process of its own and answers in lines of JSON.

    Args:
        module: that is run, as with ``python -m``.
        words: its arguments.
        name: of the process in messages: `the worker`.
        threads: of the libraries that count.
        errors: takes what the child writes to standard error; None for where this process writes to.
        environment: what is set beside the environment of this process.

    Raises:
        OSError: if no process can be started.
    """

    def __init__(
        self, module: str, words: Sequence[str] = (), *, name: str, threads: int = 1, errors: IO[bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        count = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self.name = name
        #: The exit code, negative for a signal; None while the child is there.
        self.code: int | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**WAITING, **os.environ, **count, "PYTHONIOENCODING": "utf-8", **(environment or {})},
            bufsize=0,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._orders, self._answers = given(self._process.stdin), given(self._process.stdout)
        self._unsent, self._unread, self._closed = b"", b"", False
        self._fault: str | None = None
        self._readable = selectors.DefaultSelector()
        self._readable.register(self._answers, selectors.EVENT_READ)
        for pipe in (self._orders, self._answers):
            os.set_blocking(pipe.fileno(), False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def send(self, order: dict[str, Any]) -> None:
        """Give the child an order; `receive` says if it did not live to read it."""
        self._unsent += json.dumps(order).encode() + b"\n"
        self._push()

    def receive(self, limit: float | None = None) -> Event | None:
        """Return what the child tells next; None if it has ended.

        Raises:
            TimeoutError: if it tells nothing for `limit` seconds.
        """
        deadline = float("inf") if limit is None else time.monotonic() + limit
        while True:
            ended = self._over()  # seen before the pipe is read to its end, so that no answer is lost
            self._pull()
            if b"\n" in self._unread:
                line, _, self._unread = self._unread.partition(b"\n")
                return self._event(line)
            if ended or self._closed:
                self._wait()
                return None
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            self._push()
            self._readable.select(min(LOOK, left))

    def kill(self) -> None:
        """End the child and all that it has forked, from any thread."""
        with self._lock:
            if self.code is None:
                try:
                    os.killpg(self.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):  # it leads no group yet
                    self._process.kill()

    def end(self) -> str:
        """End the child and all that it has forked, whatever they do, and close the pipes; return in words how it ended."""
        if self._readable.get_map() is not None:
            self._readable.close()
            self.kill()
            self._wait()
            self._orders.close()
            self._answers.close()
        return f"{self.name} {self._fault or _cause(self.code)}"

    def _event(self, line: bytes) -> Event | None:
        """Return the answer on a line; a child that writes anything else there cannot be relied on, and is ended."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict) and "event" in event:
            return event
        self._fault = f"was ended: it answered {line[:60]!r}, which is no event"
        self.kill()
        self._wait()
        return None

    def _push(self) -> None:
        """Write as much of the orders as the pipe takes."""
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._orders.fileno(), self._unsent[:PIECE]) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent = b""

    def _pull(self) -> None:
        """Read what is in the pipe."""
        with suppress(BlockingIOError):
            while not self._closed:
                piece = os.read(self._answers.fileno(), PIECE)
                self._unread += piece
                self._closed = not piece
                if b"\n" in piece:
                    return

    def _over(self) -> bool:
        """Return whether the child has ended; what it has forked is ended with it."""
        with self._lock:
            if self.code is None and (code := self._process.poll()) is not None:
                self.code = code
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
            return self.code is not None

    def _wait(self) -> None:
        """Wait for the end of the child, but no longer than `ENDING`."""
        deadline = time.monotonic() + ENDING
        while not self._over() and time.monotonic() < deadline:
            time.sleep(0.005)


def _cause(code: int | None) -> str:
    """Return in words how a process ended."""
    if code is None:
        return f"did not end within {ENDING:g} s of being killed"
    if code >= 0:
        return f"ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        name = f"signal {-code}"
    return f"was killed ({name})" + (" (out of memory, if nobody killed it)" if code == -signal.SIGKILL else "")
