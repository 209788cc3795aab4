"""Verdicts of `freerun check`: whether a part keeps the laws of its kind.

The laws are those of `freerun.laws`, the same code as the project's own tests. They run in a process of their own, one law
after the other: a part that hangs costs its law, a part that crashes too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from freerun.errors import ConfigError, FreerunError
from freerun.io.child_process import ChildProcess
from freerun.laws.check_process import find, is_file

#: Seconds that a law may take, and that loading the laws and the part may take.
LIMIT, LOADING = 60.0, 120.0
#: What to do about a part whose process is lost.
SLOW = "look for a loop that does not end; a part that is only slow gets more time by --limit SECONDS."
CRASHED = "a part may not end its process: take out exits, and look for memory that is read beyond its end."
HOLDS, BROKEN, APART = "holds", "broken", "does not apply"


@dataclass(kw_only=True)
class Verdict:
    """A law in words, its verdict, the reason, and what to do about a broken one."""

    kind: str
    law: str
    verdict: str = ""
    why: str = ""
    cure: str = ""


@dataclass(kw_only=True)
class Checked:
    """The parts that were checked, and the verdicts."""

    parts: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    #: What the arithmetic of the process does not promise; None for nothing.
    note: str | None = None

    @property
    def kept(self) -> bool:
        """Whether no law is broken."""
        return all(verdict.verdict != BROKEN for verdict in self.verdicts)


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
        limit: seconds that a law may take; one that tries a part on many others says how many times as long it needs.
        listen: called with every law before it is judged.

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
    """Judge from the law numbered `first` on; return the one to go on with after a lost process, or `first` if all is done."""
    running: int | None = None
    seconds = limit
    with ChildProcess("freerun.laws.check_process", name="the process") as child:
        child.send({**order, "first": first})
        while True:
            try:
                event = child.receive(LOADING if running is None else seconds)
            except TimeoutError:
                if running is None:
                    raise ConfigError(f"{order['target']}: does not load in {LOADING:.0f} s") from None
                return _lost(done, running, f"no end in {seconds:g} s", SLOW)
            if event is None:
                cause = child.end()
                if running is not None:
                    return _lost(done, running, cause, CRASHED)
                if not done.parts or child.code:
                    raise FreerunError(f"{order['target']}: {cause} while it was loaded")
                return first
            event_name = event["event"]
            if event_name == "unusable":
                raise ConfigError(event["reason"])
            if event_name == "laws" and not done.parts:
                done.parts = event["parts"]
                done.verdicts = [Verdict(**law) for law in event["laws"]]
                done.note = event["note"]
            if event_name == "begins":
                running, seconds = event["number"], limit * event["patience"]
                listen(done.verdicts[event["number"]].law)
            if event_name == "verdict":
                running = None
                _judged(done.verdicts[event["number"]], event["verdict"], event["why"], event["cure"])


def _judged(entry: Verdict, verdict: str, why: str, cure: str) -> None:
    entry.verdict, entry.why, entry.cure = verdict, why, cure


def _lost(done: Checked, number: int, why: str, cure: str) -> int:
    _judged(done.verdicts[number], BROKEN, why, cure)
    return number + 1
