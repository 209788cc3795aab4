"""Characters of real text.

By default the documentation topics that every Python installation carries (`pydoc_data.topics`, about 465,000 characters of
English); or any file of text by path. The series is split by time: the first part trains, the next validates, the last tests.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.io.decoding import decoded, known
from freerun.io.reading import LARGEST_DATA, NotPlain, content
from freerun.io.text import one_line
from freerun.parts.settings import LATER
from freerun.parts.tasks import SPLITS, Data, Task, _test_shares
from freerun.parts.tasks._windows import bounds, check_shares, home, origin_of, stamp, windows

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
RESERVE = 512
#: Characters by which it is found after how many a text repeats itself.
_LOOKED_AT = 200


@dataclass(kw_only=True)
class Text(Task):
    """Characters of a text: English from every Python installation, or any file.

    Attributes:
        path: a file, `~` is your home; None for the documentation topics of the running Python.
        encoding: of the file, by its name in Python.
        train, validation: shares of the series, in time order; the rest is the test part.
        test_shares: the test part is cut into so many stretches, and a run is tested on that numbered seed mod `test_shares`,
            so that intervals over seeds are over text too; 1: all seeds have the whole part.
        rare: a character seen fewer times than this in the training part becomes the unknown symbol, as does every
            character that the training part lacks.
    """

    default_warmup: ClassVar[int] = 10
    default_horizon: ClassVar[int | None] = 60

    path: str | None = None
    encoding: str = field(default="utf-8", metadata=LATER)
    train: float = 0.8
    validation: float = 0.1
    test_shares: int = field(default=1, metadata=LATER)
    rare: int = 50
    length: int = 40

    def __post_init__(self) -> None:
        check_shares(self.train, self.validation)
        require(self.test_shares >= 1, "test_shares", self.test_shares, "be at least 1")
        require(self.rare >= 1, "rare", self.rare, "be at least 1")
        require(known(self.encoding), "encoding", self.encoding, "be an encoding of text that Python knows, such as latin-1")
        if self.path is not None:
            self.path = home(self.path)
            self.read()

    def read(self) -> str:
        """Return the whole text.

        Raises:
            ConfigError: if the file is missing, empty, no plain file or not in its encoding.
        """
        return _topics() if self.path is None else _file(self.path, self.encoding, *stamp(self.path))

    def origin(self) -> str:
        """Return where the text comes from, for messages."""
        return origin_of(self.path or "pydoc_data")

    def counted(self) -> Counted:
        """Return how many characters are known, of how many, and which letters there are."""
        return _counted(self.read(), self.train, self.validation, self.rare)

    def notes(self) -> tuple[str, ...]:
        """Of a file of the user's own: its alphabet, and the share of characters that are not in it."""
        if self.path is None:
            return ()
        counted, file = self.counted(), one_line(Path(self.path).name, 60)
        unknown = 1 - counted.known / counted.characters
        said = f"; {100 * unknown:.2g} % of them are unknown, rarer than {self.rare} in the training part" if unknown else ""
        if (of_test := 1 - counted.known_in_test) > max(0.01, 1.5 * unknown):
            said += f"; of the test part {100 * of_test:.3g} %"
        more, text = [], self.read()
        if returns := text.count("\r"):
            more.append(f"{file}: {returns} carriage returns, as Windows ends lines, are letters like any other")
        if period := _period(text):
            more.append(f"{file}: repeats itself every {period} characters: what is tested stands in the training part too")
        return (f"{file}: {counted.characters} characters, {counted.letters} letters{said}", *more)

    def check(self, length: int) -> None:
        shortest = min(b - a for a, b in self.bounds().values())
        if shortest <= length:
            raise ConfigError(
                f"{self.origin()}: the shortest split has {shortest} characters; sequences of {length} "
                f"steps need {length + 1} (see task.length, evaluation.horizon)"
            )
        begin, end = self.bounds()["test"]
        shares = self.test_shares
        _test_shares.demand_room(end - begin, (end - begin) // shares, shares, length, self.origin())
        counted = self.counted()
        if counted.letters < 2 and not (counted.letters == 1 and counted.known_in_training < counted.training):
            most = f"the most frequent character comes {counted.most} times in the training part"
            reason = f"no letter comes {self.rare} times, {most}; task.rare={max(1, min(self.rare, counted.most) // 10)}"
            if counted.letters:
                reason = "one letter over and over, there is nothing to learn"
            raise ConfigError(f"{self.origin()}: {reason}")

    def bounds(self) -> dict[str, tuple[int, int]]:
        """Return where each split begins and ends, in characters."""
        return bounds(len(self.read()), self.train, self.validation)

    def content(self) -> str:
        return hashlib.sha256(self.read().encode()).hexdigest()

    def build(self, seed: int, length: int) -> Data:
        text = self.read()
        self.check(length)
        parts = self.bounds()
        training, shares = parts["train"], self.test_shares
        parts["test"] = _test_shares.share(parts["test"], shares, seed)
        points = _code_points(text)
        alphabet = self._alphabet(points[slice(*training)])
        series = torch.from_numpy(_coded(points, alphabet))
        splits = {name: windows(series[slice(*parts[name])], length, self._reserve(parts[name], length)) for name in SPLITS}
        named = _test_shares.name(self.content(), shares, seed)
        return Data(splits=splits, inputs=0, outputs=len(alphabet), alphabet=alphabet, windows=True, fingerprint=named)

    def _reserve(self, part: tuple[int, int], length: int) -> int:
        """Windows that begin in the last `RESERVE` characters of a part are left out where there are enough others."""
        return RESERVE if part[1] - part[0] > 2 * RESERVE > 2 * length else 0

    def _alphabet(self, points: np.ndarray) -> tuple[str, ...]:
        return (UNKNOWN, *_often(points, self.rare))

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
def _file(path: str, encoding: str, changed: int, size: int) -> str:
    """Return the text of a file, kept as long as the file stays as it is."""
    try:
        text = decoded(content(path, LARGEST_DATA), encoding)
    except NotPlain as fault:
        raise ConfigError(f"{origin_of(path)}: {fault}") from None
    except (OSError, MemoryError) as fault:
        raise ConfigError(f"{origin_of(path)}: {getattr(fault, 'strerror', None) or 'too large for memory'}") from None
    if not text:
        raise ConfigError(f"{origin_of(path)}: the file is empty")
    return text


@lru_cache(maxsize=4)
def _period(text: str) -> int | None:
    """Return after how many characters a text repeats itself to its end, at least twice; None if it does not."""
    period = text.find(text[: min(_LOOKED_AT, len(text) // 2)], 1)
    return period if 0 < period <= len(text) // 2 and text[period:] == text[:-period] else None


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How much of a text its alphabet knows.

    Attributes:
        characters, training: of the whole text, of its training part.
        letters: in the alphabet, without the unknown one.
        known, known_in_training: characters that are one of them.
        known_in_test: the share of the test part that is one of them.
        most: how often the most frequent character comes in the training part.
    """

    characters: int
    training: int
    letters: int
    known: int
    known_in_training: int
    known_in_test: float
    most: int


@lru_cache(maxsize=16)
def _counted(text: str, train: float, validation: float, rare: int) -> Counted:
    points, parts = _code_points(text), bounds(len(text), train, validation)
    training, test = (points[slice(*parts[name])] for name in ("train", "test"))
    often = _code_points("".join(_often(training, rare)))
    seen = np.unique(training, return_counts=True)[1]
    return Counted(
        characters=len(points), training=len(training), letters=len(often), known=int(np.isin(points, often).sum()),
        known_in_training=int(np.isin(training, often).sum()),
        known_in_test=float(np.isin(test, often).mean()) if len(test) else 1.0, most=int(seen.max(initial=0)),
    )  # fmt: skip


def _often(points: np.ndarray, rare: int) -> list[str]:
    """Return the letters that come often enough."""
    letters, seen = np.unique(points, return_counts=True)
    often = (chr(letter) for letter in letters[seen >= rare])
    return [letter for letter in often if letter != UNKNOWN]


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _coded(points: np.ndarray, alphabet: tuple[str, ...]) -> np.ndarray:
    """The place of every character in an alphabet whose letters stand in order behind the unknown one; 0 for what it lacks."""
    known = np.append(_code_points("".join(alphabet[1:])), np.uint32(2**32 - 1))  # nothing is found at the end
    place = np.searchsorted(known, points)
    return np.where(known[place] == points, place + 1, 0)
