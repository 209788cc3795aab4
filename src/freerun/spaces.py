"""What may a search try? The swept keys of a command line, in the syntax of Hydra's sweepers.

``interval(1e-4,1e-2)`` is a real number, a whole one if both ends are; ``tag(log,interval(...))`` on a log scale;
``range(16,129,16)`` a whole number in steps; ``choice(a,b)`` or ``a,b`` one of a list. Seeds are never searched: they are what
a point is averaged over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from freerun.config import PARTS
from freerun.errors import ConfigError, given
from freerun.overrides import parse

Value = int | float | str | bool | None


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One key that is searched.

    Attributes:
        low, high: ends of a number's range, both possible; None for a choice.
        step: of whole numbers; None for real ones.
        log: on a log scale.
        choices: the values as they are typed, where it is one of a list.
    """

    key: str
    low: float | None = None
    high: float | None = None
    step: int | None = None
    log: bool = False
    choices: tuple[str, ...] = ()

    @property
    def example(self) -> str:
        """One of the values, as it is typed."""
        if self.choices:
            return self.choices[0]
        low, high = given(self.low), given(self.high)
        if self.step is None:
            return repr(math.sqrt(low * high) if self.log else (low + high) / 2)
        return repr(int(low + (high - low) // 2 // self.step * self.step))


def split(words: Sequence[str]) -> tuple[list[str], list[Axis]]:
    """The words that every point shares, seeds among them, and the axes that are searched.

    Raises:
        ConfigError: if nothing is searched, or an axis is none.
    """
    fixed, axes = [], []
    for item in parse(list(words)):
        word = str(item.input_line)
        if item.key_or_group == "seed" and isinstance(item._value, IntervalSweep):
            raise ConfigError(f"{word[:80]}: seeds are not searched, a point is averaged over them; use seed=range(3)")
        if item.key_or_group in ("seed", "plugins") or not item.is_sweep_override():
            fixed.append(word)
        else:
            axes.append(_axis(item, word))
    if not axes:
        raise ConfigError("freerun search: nothing to search; give a key a range, for example training.lr=interval(1e-4,1e-2)")
    return fixed, axes


def examples(axes: Sequence[Axis]) -> Iterator[dict[str, str]]:
    """A point for every way in which parts can be chosen; where a number is searched, one from the middle of its range."""
    for picked in product(*(axis.choices if axis.choices and axis.key in PARTS else [axis.example] for axis in axes)):
        yield {axis.key: text for axis, text in zip(axes, picked, strict=True)}


def _axis(item: Override, word: str) -> Axis:
    sweep, key = item._value, item.key_or_group
    tags: set[str] = getattr(sweep, "tags", None) or set()
    log = tags == {"log"}
    if tags and not (log and isinstance(sweep, IntervalSweep)):
        raise ConfigError(f"{word[:80]}: the only tag is log, of an interval")
    if isinstance(sweep, IntervalSweep):
        low, high = sweep.start, sweep.end
        if low is None or high is None or not low < high or (log and low <= 0):
            raise ConfigError(f"{word[:80]}: an interval goes up{', from above 0 on a log scale' if log else ''}")
        whole = isinstance(low, int) and isinstance(high, int)
        return Axis(key=key, low=low, high=high, step=1 if whole else None, log=log)
    if isinstance(sweep, RangeSweep) and not sweep.shuffle:
        start, stop, step = sweep.start, sweep.stop, sweep.step
        if not (isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and step > 0 and start < stop):
            raise ConfigError(f"{word[:80]}: a range that is searched holds whole numbers and goes up")
        return Axis(key=key, low=start, high=start + (stop - 1 - start) // step * step, step=step)
    if isinstance(sweep, ChoiceSweep) and not sweep.shuffle:
        texts = tuple(text.partition("=")[2] for text in (f"{key}={each}" for each in item.sweep_string_iterator()))
        return Axis(key=key, choices=texts)
    raise ConfigError(f"{word[:80]}: not something to search; use interval(a,b), range(a,b) or a list")
