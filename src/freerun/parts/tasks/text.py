"""Characters of real text.

By default the documentation topics that every Python installation carries (`pydoc_data.topics`, about 465,000 characters of
English); or any UTF-8 file by path. The series is split by time: the first part trains, the next validates, the last tests.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from freerun.errors import ConfigError, require
from freerun.lazy import torch
from freerun.parts.tasks import SPLITS, Data, Task
from freerun.parts.tasks._windows import bounds, check_shares, stamp, windows

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
RESERVE = 512


@dataclass(kw_only=True)
class Text(Task):
    """Characters of a text: English from every Python installation, or any UTF-8 file.

    Attributes:
        path: a UTF-8 file; None for the documentation topics of the running Python.
        train, validation: shares of the series, in time order; the rest is the test part.
        rare: a character seen fewer times than this in the training part becomes the unknown symbol, as does every
            character that the training part lacks.
    """

    default_warmup: ClassVar[int] = 10
    default_horizon: ClassVar[int | None] = 60

    path: str | None = None
    train: float = 0.8
    validation: float = 0.1
    rare: int = 50
    length: int = 40

    def __post_init__(self) -> None:
        check_shares(self.train, self.validation)
        require(self.rare >= 1, "rare", self.rare, "be at least 1")
        if self.path is not None:
            self.read()

    def read(self) -> str:
        """Return the whole text.

        Raises:
            ConfigError: if the file is missing, empty or not UTF-8.
        """
        if self.path is None:
            return _topics()
        try:
            return _file(self.path, *stamp(self.path))
        except OSError as fault:
            raise ConfigError(f"task.path={self.path}: {fault.strerror}") from None

    def check(self, length: int) -> None:
        shortest = min(b - a for a, b in self.bounds().values())
        if shortest <= length:
            raise ConfigError(
                f"task.path={self.path or 'pydoc_data'}: the shortest split has {shortest} characters; sequences of {length} "
                f"steps need {length + 1} (see task.length, evaluation.horizon)"
            )

    def bounds(self) -> dict[str, tuple[int, int]]:
        """Return where each split begins and ends, in characters."""
        return bounds(len(self.read()), self.train, self.validation)

    def content(self) -> str:
        return hashlib.sha256(self.read().encode()).hexdigest()

    def build(self, seed: int, length: int) -> Data:
        text = self.read()
        parts = self.bounds()
        self.check(length)
        points = _code_points(text)
        alphabet = self._alphabet(points[slice(*parts["train"])])
        series = torch.from_numpy(_coded(points, alphabet))
        splits = {name: windows(series[slice(*parts[name])], length, self._reserve(parts[name], length)) for name in SPLITS}
        return Data(splits=splits, inputs=0, outputs=len(alphabet), alphabet=alphabet, windows=True, fingerprint=self.content())

    def _reserve(self, part: tuple[int, int], length: int) -> int:
        """Windows that begin in the last `RESERVE` characters of a part are left out where there are enough others."""
        return RESERVE if part[1] - part[0] > 2 * RESERVE > 2 * length else 0

    def _alphabet(self, points: np.ndarray) -> tuple[str, ...]:
        letters, seen = np.unique(points, return_counts=True)
        often = (chr(letter) for letter in letters[seen >= self.rare])
        return (UNKNOWN, *(letter for letter in often if letter != UNKNOWN))

    def show(self, observed: Any) -> dict[str, Any] | None:
        """Three prompts, each with what the text goes on to say and what the model writes."""
        return prompts_shown(observed)


def prompts_shown(observed: Any) -> dict[str, Any] | None:
    """Three prompts, each with what the truth goes on to say and what the model writes; None where it writes no letters."""
    if observed.picks is None:
        return None
    letters = observed.data.alphabet
    lines = []
    for n in range(min(3, observed.targets.shape[1])):
        true = "".join(letters[int(s)] for s in observed.targets[:, n])
        made = "".join(letters[int(s)] for s in observed.fed_symbols[observed.warmup :, n])
        lines.append({"prompt": true[: observed.warmup], "truth": true[observed.warmup :], "generated": made})
    return {"kind": "text", "lines": lines}


@cache
def _topics() -> str:
    from pydoc_data import topics

    return "\n".join(topics.topics[key] for key in sorted(topics.topics))


@lru_cache(maxsize=4)
def _file(path: str, changed: int, size: int) -> str:
    """Return the text of a file, kept as long as the file stays as it is."""
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ConfigError(f"task.path={path}: not UTF-8 at byte {fault.start}") from None
    if not text:
        raise ConfigError(f"task.path={path}: the file is empty")
    return text


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _coded(points: np.ndarray, alphabet: tuple[str, ...]) -> np.ndarray:
    """The place of every character in an alphabet whose letters stand in order behind the unknown one; 0 for what it lacks."""
    known = np.append(_code_points("".join(alphabet[1:])), np.uint32(2**32 - 1))  # nothing is found at the end
    place = np.searchsorted(known, points)
    return np.where(known[place] == points, place + 1, 0)
