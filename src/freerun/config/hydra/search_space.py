"""Search space: the swept keys of a command line, in the syntax of Hydra's sweepers.

``interval(1e-4,1e-2)`` is a real number, for a key of whole numbers a whole one; ``tag(log,interval(...))`` on a log scale;
``range(16,129,16)`` a whole number in steps; ``choice(a,b)`` or ``a,b`` one of a list. Seeds are never searched: they are what
a point is averaged over; nor are tasks, of which the easiest would win. A setting that only some of the searched parts have
goes with these, whether it is searched or fixed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from itertools import product
from typing import cast

from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, RangeSweep
from omegaconf import OmegaConf

from freerun.config.experiment import PARTS
from freerun.config.hydra.compose import load_plugins
from freerun.config.hydra.composed_tree import composed
from freerun.config.hydra.overrides import parse, values
from freerun.config.hydra.own_settings import lacking, settings_of
from freerun.errors import ConfigError, given
from freerun.io import key_value

Value = int | float | str | bool | None


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One key that is searched.

    Attributes:
        low, high: ends of a number's range, both possible; None for a choice.
        step: of whole numbers; None for real ones.
        log: on a log scale.
        choices: the values as they are typed, where it is one of a list.
        only: the choices of a searched part, as overrides, that have this setting; empty where all have it.
    """

    key: str
    low: float | None = None
    high: float | None = None
    step: int | None = None
    log: bool = False
    choices: tuple[str, ...] = ()
    only: tuple[str, ...] = field(default=(), repr=False)

    def goes_with(self, point: Mapping[str, str]) -> bool:
        """Return whether the key is one of the settings of what a point chooses."""
        part = self.key.partition(".")[0]
        return not self.only or f"{part}={point[part]}" in self.only

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
    """Return the words that every point shares, seeds among them, and the axes that are searched.

    Raises:
        ConfigError: if nothing is searched, an axis is none, or tasks are searched.
    """
    fixed, swept = list[str](), list[Override]()
    for item in parse(list(words)):
        word = str(item.input_line)
        if item.key_or_group == "seed" and isinstance(item._value, IntervalSweep):
            raise ConfigError(f"{word[:80]}: seeds are not searched, a point is averaged over them; use seed=range(3)")
        if item.key_or_group == "task" and item.is_sweep_override():
            raise ConfigError(f"{word[:80]}: tasks are not searched, for the easiest would be the best; search each apart")
        if item.key_or_group in ("seed", "plugins") or not item.is_sweep_override():
            fixed.append(word)
        else:
            swept.append(item)
    if not swept:
        raise ConfigError("nothing to search; give a key a range, for example training.lr=interval(1e-4,1e-2)")
    load_plugins([word for word in fixed if word.startswith("plugins=")])
    parts = _parts(fixed, swept) if any(isinstance(item._value, IntervalSweep) for item in swept) else []
    searched = {item.key_or_group: list(values(item)) for item in swept if item.key_or_group in PARTS}
    for word in fixed:
        _having(word, searched)
    axes = [_axis(item, str(item.input_line), parts) for item in swept]
    return fixed, [replace(axis, only=_having(str(item.input_line), searched)) for axis, item in zip(axes, swept, strict=True)]


def examples(axes: Sequence[Axis]) -> Iterator[dict[str, str]]:
    """Yield one point for every choice of parts; of a searched number it has the middle of the range."""
    for picked in product(*(axis.choices if axis.choices and axis.key in PARTS else [axis.example] for axis in axes)):
        yield own({axis.key: text for axis, text in zip(axes, picked, strict=True)}, axes)


def own(point: Mapping[str, str], axes: Iterable[Axis]) -> dict[str, str]:
    """Return a point without the keys that what it chooses does not have."""
    return {axis.key: point[axis.key] for axis in axes if axis.goes_with(point)}


def words_of(point: Mapping[str, str], fixed: Iterable[str]) -> list[str]:
    """Return the overrides of a point: those that all share, as far as what it chooses has them, and its own."""
    chosen = {key: f"{key}={value}" for key, value in point.items() if key in PARTS}
    shared = []
    for word in fixed:
        part, _, name = key_value.key_of(word).partition(".")
        if not name or part not in chosen or name in settings_of(chosen[part]):
            shared.append(word)
    return [*shared, *(f"{key}={value}" for key, value in point.items())]


def notes(fixed: Iterable[str], axes: Iterable[Axis]) -> list[str]:
    """Return a line for every setting that only some of the searched parts have."""
    every = list(axes)
    searched = {axis.key: [f"{axis.key}={name}" for name in axis.choices] for axis in every if axis.key in PARTS}
    having = {axis.key: axis.only for axis in every} | {key_value.key_of(word): _having(word, searched) for word in fixed}
    return [f"{key}: {', '.join(only)} alone has it, the others go without" for key, only in having.items() if only]


def _having(word: str, searched: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the choices of a searched part that have the setting of a word; none where all have it, or it is of no such part.

    Raises:
        ConfigError: if none of them has it.
    """
    part, _, name = key_value.key_of(word).partition(".")
    choices = searched.get(part, ())
    without = lacking(word, name, choices) if name and choices else set()
    return tuple(choice for choice in choices if choice not in without) if without else ()


def _parts(fixed: Sequence[str], swept: Iterable[Override]) -> list[tuple[str, ...]]:
    """Return every combination of the overrides that choose parts."""
    chosen = [[word] for word in fixed if key_value.key_of(word) in PARTS and not word.endswith("=null")]
    return list(product(*chosen, *(list(values(item)) for item in swept if item.key_or_group in PARTS)))


def _whole(key: str, parts: tuple[str, ...]) -> bool:
    """Return whether a key holds whole numbers; False for an unknown key, which is refused when a point is made."""
    node, _, name = key.rpartition(".")
    try:
        part_class = OmegaConf.get_type(composed(parts), node) if node else None
    except ConfigError:
        return False
    declared = fields(part_class) if is_dataclass(part_class) else ()
    types = [getattr(item.type, "__name__", str(item.type)) for item in declared if item.name == name]
    return any(text.startswith("int") for text in types)


def _axis(override: Override, word: str, parts: Sequence[tuple[str, ...]]) -> Axis:
    sweep, key = cast("object", override._value), override.key_or_group
    tags: set[str] = getattr(sweep, "tags", None) or set()
    log = tags == {"log"}
    if tags and not (log and isinstance(sweep, IntervalSweep)):
        raise ConfigError(f"{word[:80]}: the only tag is log, of an interval")
    if isinstance(sweep, IntervalSweep):
        low, high = sweep.start, sweep.end
        if low is None or high is None or not low < high or (log and low <= 0):
            raise ConfigError(f"{word[:80]}: an interval goes up{', from above 0 on a log scale' if log else ''}")
        if not any(_whole(key, chosen) for chosen in parts):
            return Axis(key=key, low=low, high=high, log=log)
        if not (low.is_integer() and high.is_integer()):  # Hydra has made them real
            raise ConfigError(f"{word[:80]}: {key[:60]} is a whole number, and so are the ends of its interval")
        return Axis(key=key, low=int(low), high=int(high), step=1, log=log)
    if isinstance(sweep, RangeSweep) and not sweep.shuffle:
        start, stop, step = sweep.start, sweep.stop, sweep.step
        if not (isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and step > 0 and start < stop):
            raise ConfigError(f"{word[:80]}: a range that is searched holds whole numbers and goes up")
        return Axis(key=key, low=start, high=start + (stop - 1 - start) // step * step, step=step)
    if isinstance(sweep, Glob):
        return Axis(key=key, choices=tuple(key_value.split(text)[1] for text in values(override)))
    if isinstance(sweep, ChoiceSweep) and not sweep.shuffle:
        return Axis(key=key, choices=tuple(override.sweep_string_iterator()))
    raise ConfigError(f"{word[:80]}: not something to search; use interval(a,b), range(a,b) or a list")
