"""Live logs: the curves of each run, streamed to a tracker while it trains, by whoever trains it.

A module here without a leading underscore is a tracker; its name is what ``log=`` calls it. What a log gets are the points that
the run's record will hold, as they come. A run that goes on from a checkpoint, or begins anew, writes its log anew from its
first point, so that none stands there twice. A log never changes a run: it is told what was computed, and one that fails is
given up, with one line that says so.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.io.text import one_line

#: The folder of all logs, beside the store.
FOLDER = ".logs"
#: Told of each logged update of a run: its identity, the update, and the values by quantity.
Told = Callable[[str, int, dict[str, float]], None]


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A run as trackers know it: its identity, a name that people can read, and its settings by dotted key."""

    run: str
    name: str
    settings: dict[str, Any]


class RunLog(ABC):
    """The log of one run by one tracker. Subclasses are final: one file, one class.

    Args:
        folder: of this tracker's logs.
        logged: the run; what is there of it from before is replaced.
    """

    #: The package that it needs, and the extra of Freerun that brings it; None for none.
    needs: ClassVar[tuple[str, str] | None] = None

    @abstractmethod
    def __init__(self, folder: Path, logged: Logged) -> None: ...

    @abstractmethod
    def write(self, points: Sequence[tuple[int, dict[str, float]]]) -> None:
        """Write what was logged at some updates, in their order, so that it can be seen now."""

    @abstractmethod
    def close(self, status: str) -> None:
        """End the log of a run that is `done`, `diverged` or `failed`."""


@cache
def known() -> dict[str, type[RunLog]]:
    """Return all trackers by name."""
    trackers = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{__name__}.{info.name}")
            (trackers[info.name],) = (
                value
                for value in vars(module).values()
                if isinstance(value, type) and issubclass(value, RunLog) and value.__module__ == module.__name__
            )
    return trackers


def names(text: str | None) -> tuple[str, ...]:
    """Return the trackers of ``log=NAME`` or ``log=[NAME,NAME]``, each once.

    Raises:
        ConfigError: if one is unknown, or the package that it needs is not installed.
    """
    asked = [] if text is None else [name for name in key_value.listed(text) if name]
    for name in asked:
        if name not in known():
            raise ConfigError(f"log={one_line(name, 60)}: unknown log; {nearest(name, known())}")
        needed = known()[name].needs
        if needed is not None and find_spec(needed[0]) is None:
            raise ConfigError(f"log={name}: needs {needed[0]}; pip install 'freerun[{needed[1]}]'")
    return tuple(dict.fromkeys(asked))


def safe(told: Told) -> Told:
    """Return a function that is told until it raises; that is said in one line, and training goes on."""
    given_up = False

    def tell(run: str, update: int, values: dict[str, float]) -> None:
        nonlocal given_up
        if given_up:
            return
        try:
            told(run, update, values)
        except Exception as fault:
            given_up = True
            reason = one_line(f"{type(fault).__name__}: {fault}", 160)
            print(f"note: the callback was given up, and the runs went on: {reason}", file=sys.stderr)

    return tell
