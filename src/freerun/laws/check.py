"""Does a part keep the laws of its kind? The verdicts of `freerun check`.

The laws are those of `freerun.laws`, the same code as the project's own tests. They run in a process of their own, one law
after the other: a part that hangs costs its law, a part that crashes too.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from freerun.errors import ConfigError, FreerunError, given
from freerun.laws.check_process import find, is_file

#: Seconds that a law may take, and that loading the laws and the part may take.
LIMIT, LOADING = 60.0, 120.0
HOLDS, BROKEN, APART = "holds", "broken", "does not apply"


@dataclass(kw_only=True)
class Verdict:
    """A law in words, what came out, and why."""

    kind: str
    law: str
    verdict: str = ""
    why: str = ""


@dataclass(kw_only=True)
class Checked:
    """What was checked, and the verdicts."""

    parts: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """No law is broken."""
        return all(each.verdict != BROKEN for each in self.verdicts)


def check(
    target: str,
    kind: str | None = None,
    settings: dict[str, Any] | None = None,
    limit: float = LIMIT,
    listen: Callable[[str], None] = lambda law: None,
) -> Checked:
    """Hold a built-in part, or the parts of a Python file, to the laws of their kinds.

    Args:
        target: a name, or the path of a file.
        kind: which kind, where it stands for several.
        settings: of the part; it is checked with these, small, and with every named choice that they leave open.
        limit: seconds that a law may take.
        listen: told every law as its turn comes.

    Raises:
        ConfigError: if there is no such part, or a setting is wrong.
    """
    if not is_file(target):
        find(target, kind)
    order = {"target": target, "kind": kind, "settings": settings or {}}
    done = Checked()
    first, last = 0, -1
    while first > last:
        last = first
        first = _some(order, first, done, limit, listen)
    return done


def _some(order: dict[str, Any], first: int, done: Checked, limit: float, listen: Callable[[str], None]) -> int:
    """Judge from one law on; returns the law to go on with after a process was lost, or the same one if all is done."""
    running: int | None = None
    with _process({**order, "first": first}) as (process, events):
        while True:
            try:
                event = events.get(timeout=LOADING if running is None else limit)
            except queue.Empty:
                if running is None:
                    raise ConfigError(f"{order['target']}: does not load in {LOADING:.0f} s") from None
                return _lost(done, running, f"no end in {limit:g} s")
            if event is None:
                process.wait()
                if running is not None:
                    return _lost(done, running, _cause(process.returncode))
                if not done.parts or process.returncode:
                    raise FreerunError(f"{order['target']}: {_cause(process.returncode)} while it was loaded")
                return first
            kind = event["event"]
            if kind == "unusable":
                raise ConfigError(event["reason"])
            if kind == "laws" and not done.parts:
                done.parts = event["parts"]
                done.verdicts = [Verdict(**each) for each in event["laws"]]
            if kind == "begins":
                running = event["number"]
                listen(done.verdicts[event["number"]].law)
            if kind == "verdict":
                running = None
                done.verdicts[event["number"]].verdict = event["verdict"]
                done.verdicts[event["number"]].why = event["why"]


def _lost(done: Checked, number: int, why: str) -> int:
    done.verdicts[number].verdict, done.verdicts[number].why = BROKEN, why
    return number + 1


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return f"the process was killed ({signal.Signals(-code).name})"
    return f"the process ended with code {code}"


@contextmanager
def _process(order: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[str], queue.Queue[dict[str, Any] | None]]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "freerun.laws.check_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        encoding="utf-8",
        bufsize=1,
    )
    events: queue.Queue[dict[str, Any] | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, events), daemon=True)
    reader.start()
    try:
        with suppress(BrokenPipeError):
            given(process.stdin).write(json.dumps(order) + "\n")
            given(process.stdin).flush()
        yield process, events
    finally:
        process.kill()
        process.wait()
        reader.join()
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                given(pipe).close()


def _read(process: subprocess.Popen[str], events: queue.Queue[dict[str, Any] | None]) -> None:
    try:
        for line in given(process.stdout):
            if line.endswith("\n"):
                events.put(json.loads(line))
    finally:
        events.put(None)
