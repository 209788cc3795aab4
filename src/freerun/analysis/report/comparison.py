"""Comparison of two sides (regimes, models, any settings, or studies): a paragraph, a table, a figure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material, _comparison_figure
from freerun.analysis.figures._style import bytes_of, style
from freerun.analysis.inference.confidence_intervals import LOST
from freerun.analysis.inference.labels import label, merged
from freerun.analysis.inference.matched_conditions import Matched, matched
from freerun.analysis.inference.replicates import settings
from freerun.analysis.inference.two_sides import Side, versus
from freerun.analysis.report.comparison_text import page_of, sentences
from freerun.analysis.report.number_text import counted, listed
from freerun.analysis.tables.quantities import Quantities
from freerun.analysis.tables.tidy import Tables, csv_bytes
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.io.text import brief
from freerun.io.writing import write_atomic

#: By which columns a plain name is looked up, and which settings it sets.
_KINDS = (
    (("method", "regime_label", "regime", "objective"), ("regime", "objective")),
    (("model_label", "model"), ("model",)),
)
#: Labels that hold every setting that differs, so that a side named by one has all of them set.
_WHOLE = ("method", "model_label")
_TEXTS = dict.fromkeys(("task_label", "model_label", "regime_label", "setting", "method"), "str")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`a` against `b`: sentences, the numbers, and where they were written."""

    sentences: list[str]
    table: pd.DataFrame
    path: Path


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The runs of one side, and which settings chose them; `whole` if it was the label of a condition."""

    name: str
    runs: pd.DataFrame
    keys: tuple[str, ...]
    whole: bool = False


def in_study(a: str, b: str, frames: Tables, folder: Path) -> Comparison:
    """Two choices of settings of one study, condition by condition.

    Args:
        a, b: settings, ``training.lr=0.01`` or several joined by commas, ``regime=free_running,training.lr=0.01``; or the name
            of a regime, an objective or a model, as in the tables or as people call them: ``free_running``, ``GRU``.
        frames: those of the study.
        folder: that of the study.

    Raises:
        ConfigError: if there are no such runs, if the two are not of one kind, or if no condition of one side has a partner.
        OSError: if the disk refuses.
    """
    if a == b:
        raise ConfigError(f"compare {a} {b}: the two are the same")
    material = Material.of(frames, {})
    runs = material.runs.astype(_TEXTS)
    one, other = _chosen(a, b, runs)
    if set(one.runs["run"]) & set(other.runs["run"]):
        raise ConfigError(f"compare {brief(a)} {brief(b)}: some runs are on both sides; set one key to two values")
    keys = _keys(one, other)
    found = matched(one.runs, other.runs, keys)
    if found.pairs.empty:
        raise _apart(one, other, keys, found)
    sides = [_side(each.name, at, found, each.runs, material) for at, each in enumerate((one, other))]
    told = [f"{one.name} and {other.name} also differ in {_values(found.told)}."] if found.told else []
    return _compared(sides[0], sides[1], folder, _file(a, b), material.quantities, [*told, *_left(one.name, other.name, found)])


def of_studies(a: str, b: str, frames: tuple[Tables, Tables], folder: Path) -> Comparison:
    """Two studies, over the conditions that both have.

    Raises:
        ConfigError: if they have none in common.
        OSError: if the disk refuses.
    """
    materials = [Material.of(each, {}) for each in frames]
    runs = [each.runs.astype(_TEXTS) for each in materials]
    found = matched(runs[0], runs[1], None)
    if found.pairs.empty:
        raise _no_partner(a, b, found)
    sides = [_side(name, at, found, runs[at], materials[at]) for at, name in enumerate((a, b))]
    both = Quantities(pd.concat([each.quantities for each in frames], ignore_index=True))
    told = "Where both studies have a condition, no setting differs between them."
    if found.told:
        told = f"Where {a} and {b} have a condition of one name, they differ in {_values(found.told)}."
    return _compared(sides[0], sides[1], folder, _file(a, b), both, [told, *_left(a, b, found)])


def _chosen(a: str, b: str, runs: pd.DataFrame) -> tuple[Choice, Choice]:
    """What two words choose: names of one kind, or settings of the same keys."""
    for columns, keys in _KINDS:
        named = [_by_name(word, runs, [name for name in columns if name in runs], keys) for word in (a, b)]
        if named[0] and named[1]:
            return named[0], named[1]
    if key_value.is_setting(a) and key_value.is_setting(b):
        one, other = (_by_settings(word, runs) for word in (a, b))
        if {_part(key) for key in one.keys} != {_part(key) for key in other.keys}:
            raise ConfigError(f"compare {brief(a)} {brief(b)}: the two set other keys; set the same ones on both sides")
        return one, other
    present = sorted({str(value) for name in ("regime", "objective", "model") if name in runs for value in runs[name].dropna()})
    missing = next((each for each in (a, b) if each not in present and not key_value.is_setting(each)), "")
    if missing:
        raise ConfigError(f"no run of this study has {brief(missing)}; {nearest(missing, present)}")
    raise ConfigError(f"{a!r} and {b!r} are not both regimes or both models, nor both settings of the form key=value")


def _part(key: str) -> str:
    """The part of which a key is a setting; any other key is its own."""
    kind = key.partition(".")[0]
    return kind if kind in ("model", "regime", "objective", "feedback") else key


def _by_name(word: str, runs: pd.DataFrame, columns: Sequence[str], keys: tuple[str, ...]) -> Choice | None:
    """The runs that go by a name in the first of the columns that knows it."""
    for column in columns:
        known = runs[column].astype("str").str.casefold() == word.casefold()
        if known.any():
            # a regime by its plain name is the regime under its task's usual objective, where it was run so
            plain = known & ~runs["regime_label"].str.contains(" + ", regex=False) if column == "regime" else known
            some = runs[plain if plain.any() else known]
            return Choice(name=label(word), runs=some, keys=keys, whole=column in _WHOLE)
    return None


def _by_settings(word: str, runs: pd.DataFrame) -> Choice:
    """The runs with some settings, ``regime=free_running,training.lr=0.01``."""
    wanted = key_value.pairs(word.split(","))
    known = [name for name in settings(runs) if name != "task"]
    where = pd.Series(True, index=runs.index)
    for key, value in wanted.items():
        if key in ("seed", "task"):
            why = "runs are paired by it" if key == "seed" else "two tasks have errors of their own"
            raise ConfigError(f"compare {brief(word)}: {key} cannot be compared, for {why}; choose another key")
        if key not in known:
            raise ConfigError(f"compare {brief(word)}: no run of this study has the key {brief(key)}; {nearest(key, known)}")
        same = _equal(runs[key], value)
        if not same.any():
            there = ", ".join(dict.fromkeys(str(each) for each in runs[key].dropna()))
            raise ConfigError(f"compare {brief(word)}: no run of this study has {key}={brief(value)}; it has {brief(there)}")
        where &= same
    if not where.any():
        raise ConfigError(f"compare {brief(word)}: no run of this study has all of these settings; leave one out")
    return Choice(name=_plainly(wanted), runs=runs[where], keys=tuple(wanted))


def _plainly(wanted: Mapping[str, str]) -> str:
    """Settings as people call them: parts by their names, then the others by the last word of their keys."""
    parts = " + ".join(label(value) for key, value in wanted.items() if key in ("model", "regime", "objective"))
    rest = [f"{key.rpartition('.')[2]}={value}" for key, value in wanted.items() if key not in ("model", "regime", "objective")]
    return merged(parts, ", ".join(rest)) if parts else ", ".join(rest)


def _equal(column: pd.Series, value: str) -> pd.Series:
    """Where a column has a value that was typed."""
    if value.casefold() in ("none", "null", "~"):
        return column.isna()
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        try:
            return (column.astype(float) == float(value)).fillna(False).astype(bool)
        except ValueError:
            return pd.Series(False, index=column.index)
    typed = value.casefold().replace("_", " ")
    return column.astype("str").str.casefold().str.replace("_", " ").eq(typed) & column.notna()


def _keys(one: Choice, other: Choice) -> tuple[str, ...]:
    """The settings by which two sides are told apart; labels of whole conditions set all in which they differ."""
    keys = tuple(dict.fromkeys([*one.keys, *other.keys]))
    if not (one.whole and other.whole):
        return keys
    values = [{name: set(side.runs[name].map(str)) for name in settings(side.runs)} for side in (one, other)]
    free = [
        name
        for name in values[0]
        if len(values[0][name]) == len(values[1][name]) == 1 and values[0][name] != values[1][name] and name != "task"
    ]
    return tuple(dict.fromkeys([*keys, *free]))


def _apart(one: Choice, other: Choice, keys: Sequence[str], found: Matched) -> ConfigError:
    """Why no condition of one side has a partner on the other."""
    fault = _no_partner(one.name, other.name, found)
    if not found.apart:
        return fault
    name, (first, second) = next(iter(found.apart.items()))
    values = [next(iter(dict.fromkeys(str(each) for each in side.runs[keys[0]].dropna())), "") for side in (one, other)]
    words = [f"{keys[0]}={value},{name}={each.split(' or ')[0]}" for value, each in zip(values, (first, second), strict=True)]
    return ConfigError(f"{fault}; to compare across it: freerun compare {' '.join(words)} --study NAME")


def _no_partner(a: str, b: str, found: Matched) -> ConfigError:
    fault = f"{a} and {b} share no task, model and setting with a result"
    return ConfigError(f"{fault[:160]}: they differ in {_values(found.apart)}" if found.apart else fault[:200])


def _values(differ: Mapping[str, tuple[str, str]]) -> str:
    return listed([f"{name} ({one} against {other})" for name, (one, other) in differ.items()])


def _left(a: str, b: str, found: Matched) -> list[str]:
    """Which conditions are not compared."""
    left = [f"{counted(n, 'condition')} of {name}" for name, n in zip((a, b), found.left, strict=True) if n]
    return [f"Not compared, for nothing on the other side is like it in all else: {listed(left)}."] if left else []


def _side(name: str, at: int, found: Matched, runs: pd.DataFrame, material: Material) -> Side:
    """One side: a copy of each run for every pair of conditions that it is in."""
    pairs = found.pairs[found.pairs["side"] == at]
    known = runs.set_index(runs["run"].astype("str"))
    of = pairs["run"].astype("str")
    data = known["data"].reindex(of).to_list() if "data" in known else [None] * len(of)
    table = pd.DataFrame(
        {
            "run": [f"{number}:{run}" for number, run in zip(pairs["condition"], of, strict=True)], "of": of.to_numpy(),
            "seed": known["seed"].reindex(of).to_numpy(), "data": pd.Series(data, dtype="str"),
            "lost": known["status"].reindex(of).isin(LOST).to_numpy(),
            **{each: pairs[each].astype("str").to_numpy() for each in ("task_label", "model_label", "setting")},
        }
    )  # fmt: skip
    parts = []
    for frame in material.levels():
        names = zip(frame["task_label"].astype(str), frame["metric"].astype(str), strict=True)
        own = np.array([name in material.headlines.get(task, ()) for task, name in names], dtype=bool)
        rows = frame[material.reported(frame) | own].assign(own=own, run=frame["run"].astype("str"))
        rows = rows.drop(columns=["task_label", "model_label", "regime_label", "setting", "method"])
        copies = table[["run", "of", "task_label", "model_label", "setting"]]
        parts.append(rows.merge(copies, left_on="run", right_on="of", suffixes=("_of", "")).drop(columns=["run_of", "of"]))
    return Side(name=name, runs=table, steps=parts[0], whole=parts[1], margin=material.margin)


def _compared(a: Side, b: Side, folder: Path, file: str, quantities: Quantities, differ: Sequence[str]) -> Comparison:
    """The comparison, written to a folder; `differ` says in which settings the sides do, where their names do not."""
    table = versus(a, b, quantities)
    if table.empty or not table["own"].any():
        raise ConfigError(f"{a.name} and {b.name} share no task, model and setting with a result"[:200])
    own = table[table["own"]].reset_index(drop=True)
    told = [*sentences(own, a, b), *_beside(table[~table["own"]], a, b), *differ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file}.md"
    with style():
        lost = [f"{n} of {side.runs['of'].nunique()} of {side.name} lost" for side in (a, b) if (n := side.without_result())]
        drawn = _comparison_figure.draw(own, a.name, b.name, lost)
        for ending in ("png", "pdf"):
            write_atomic(folder / f"{file}.{ending}", bytes_of(drawn, ending))
    write_atomic(folder / f"{file}.csv", csv_bytes(table))
    write_atomic(path, page_of(told, table, a, b, file).encode())
    return Comparison(sentences=told, table=table, path=path)


def _beside(table: pd.DataFrame, a: Side, b: Side) -> list[str]:
    """What the other measures say of the two sides, running free, in a word each."""
    free = table[(table["level"] == "free") & (table["better"] != "neither")]
    parts = []
    for _, rows in free.groupby("metric", sort=False):
        said = list(rows["verdict"])
        counts = {side.name: said.count(kind) for side, kind in ((a, "better"), (b, "worse"))}
        shown = listed([f"{name} in {n}" for name, n in counts.items() if n]) if any(counts.values()) else "neither"
        parts.append(f"{rows['label'].iloc[0]} ({shown} of {len(rows)})")
    return [f"Shown to be better, running free, by other measures: {listed(parts)}."] if parts else []


def _file(a: str, b: str) -> str:
    return "compare_" + "_vs_".join(re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_")[:40] or "x" for name in (a, b))
