"""The two sides of a comparison within a study: which runs two words or settings choose."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from freerun.analysis.inference.labels import label, merged
from freerun.analysis.inference.replicates import settings
from freerun.analysis.tables.selection import equal
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.io.text import brief

#: By which columns a plain name is looked up, and which settings it sets.
_KINDS = (
    (("method", "regime_label", "regime", "objective"), ("regime", "objective")),
    (("model_label", "model"), ("model",)),
)
#: Labels that hold every setting that differs, so that a side named by one has all of them set.
_WHOLE = ("method", "model_label")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The runs of one side, and which settings chose them; `whole` if it was the label of a condition."""

    name: str
    runs: pd.DataFrame
    keys: tuple[str, ...]
    whole: bool = False


def chosen_sides(a: str, b: str, runs: pd.DataFrame) -> tuple[Choice, Choice]:
    """What two words choose: names of one kind, or settings of the same keys."""
    for columns, keys in _KINDS:
        named = [_by_name(word, runs, [name for name in columns if name in runs], keys) for word in (a, b)]
        if named[0] and named[1]:
            return named[0], named[1]
    if key_value.is_setting(a) and key_value.is_setting(b):
        first, second = (_by_settings(word, runs) for word in (a, b))
        if {_part(key) for key in first.keys} != {_part(key) for key in second.keys}:
            raise ConfigError(f"compare {brief(a)} {brief(b)}: the two sides set different keys; set the same ones on both")
        return first, second
    present = sorted({str(value) for name in ("regime", "objective", "model") if name in runs for value in runs[name].dropna()})
    missing = next((word for word in (a, b) if word not in present and not key_value.is_setting(word)), "")
    if missing:
        raise ConfigError(f"no run of this study has {brief(missing)}; {nearest(missing, present)}")
    raise ConfigError(f"{a!r} and {b!r} are not both regimes or both models, nor both settings of the form key=value")


def _part(key: str) -> str:
    """The part that a key sets, ``model`` for ``model.hidden``; any other key itself."""
    axis = key.partition(".")[0]
    return axis if axis in ("model", "regime", "objective", "feedback") else key


def _by_name(word: str, runs: pd.DataFrame, columns: Sequence[str], keys: tuple[str, ...]) -> Choice | None:
    """The runs that go by a name in the first of the columns that knows it."""
    for column in columns:
        known = runs[column].astype("str").str.casefold() == word.casefold()
        if known.any():
            # a regime by its plain name is the regime under its task's usual objective, where it was run so
            plain = known & ~runs["regime_label"].str.contains(" + ", regex=False) if column == "regime" else known
            chosen = runs[plain if plain.any() else known]
            return Choice(name=label(word), runs=chosen, keys=keys, whole=column in _WHOLE)
    return None


def _by_settings(word: str, runs: pd.DataFrame) -> Choice:
    """The runs with some settings, ``regime=free_running,training.lr=0.01``."""
    wanted = key_value.pairs(key_value.listed(word))
    known = [name for name in settings(runs) if name != "task"]
    where = pd.Series(True, index=runs.index)
    for key, value in wanted.items():
        if key in ("seed", "task"):
            why = "runs are paired by it" if key == "seed" else "each task has its own error"
            raise ConfigError(f"compare {brief(word)}: {key} cannot be compared, since {why}; choose another key")
        if key not in known:
            raise ConfigError(f"compare {brief(word)}: no run of this study has the key {brief(key)}; {nearest(key, known)}")
        same = equal(runs[key], value)
        if not same.any():
            present = ", ".join(dict.fromkeys(str(value) for value in runs[key].dropna()))
            raise ConfigError(f"compare {brief(word)}: no run of this study has {key}={brief(value)}; it has {brief(present)}")
        where &= same
    if not where.any():
        raise ConfigError(f"compare {brief(word)}: no run of this study has all of these settings; leave one out")
    return Choice(name=_plainly(wanted), runs=runs[where], keys=tuple(wanted))


def _plainly(wanted: Mapping[str, str]) -> str:
    """Settings in short words: parts by their names, then the others by the last word of their keys."""
    parts = " + ".join(label(value) for key, value in wanted.items() if key in ("model", "regime", "objective"))
    others = [
        f"{key.rpartition('.')[2]}={value}" for key, value in wanted.items() if key not in ("model", "regime", "objective")
    ]
    return merged(parts, ", ".join(others)) if parts else ", ".join(others)


def compared_keys(first: Choice, second: Choice, tuned: Collection[str] = ()) -> tuple[str, ...]:
    """The settings by which two sides are told apart; labels of whole conditions set all that differ and were not tuned."""
    keys = tuple(dict.fromkeys([*first.keys, *second.keys]))
    if not (first.whole and second.whole):
        return keys
    values = [{name: set(side.runs[name].map(str)) for name in settings(side.runs)} for side in (first, second)]
    free = [
        name
        for name in values[0]
        if len(values[0][name]) == len(values[1][name]) == 1
        and values[0][name] != values[1][name]
        and name not in ("task", *tuned)
    ]
    return tuple(dict.fromkeys([*keys, *free]))
