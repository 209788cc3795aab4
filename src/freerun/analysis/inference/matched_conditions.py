"""Matched conditions: which conditions of two sides of a comparison are alike in all but what is compared.

A condition is the whole setting except the seed. Two sides that are told apart by some settings are compared condition by
condition, each with the one that has all other settings; nothing is ever pooled. Four things need no partner of their own:
settings of a part that only one side has (the end of a schedule, against a regime without one), those in which the two parts
have one value each (the width of either model), those of which each method has its own (tuned ones, updates at equal products),
and what is measured beside (long orbits); where they differ, that is told. So is how the gradient flows through what is fed,
against teacher forcing, which feeds nothing that was made.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import pandas as pd

from freerun.analysis.inference.labels import ALWAYS_SHOWN, label, merged
from freerun.analysis.inference.replicates import FLOWS, GRADIENT, cut_of_method, described, never_cut, settings

#: What is measured beside the errors, and changes none of them.
_BESIDE = ("evaluation.orbit", "evaluation.distances")
#: What a setting of a measure is called: a column of those runs alone for which it is set.
_MEASURE_SETTING = re.compile(r"evaluation\.\w+\.\w+")
#: The parts that make a cell, within which conditions are matched, where they are not compared themselves.
_CELL = ("task", "model", "regime", "objective")


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Pairs of conditions.

    Attributes:
        pairs: a row for each run of either side in each pair of conditions that it is in: side (0 or 1), run, condition (the
            number of the pair), task_label, model_label and setting, which name the pair; unique for each pair.
        told: the settings in which matched conditions differ all the same, with their values on either side.
        apart: the settings that keep conditions without a partner from having one, with their values on either side.
        alone: of the conditions of either side that have no partner, one run each.
    """

    pairs: pd.DataFrame
    told: dict[str, tuple[str, str]]
    apart: dict[str, tuple[str, str]]
    alone: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def left(self) -> tuple[int, int]:
        """How many conditions of either side have no partner."""
        return len(self.alone[0]), len(self.alone[1])


@dataclass
class _Cell:
    """The columns of one cell, by what becomes of them, and its pairs of conditions."""

    joined: list[str] = field(default_factory=list)
    #: By name the side, 0 or 1, that has several values of a setting of its own.
    own: dict[str, int] = field(default_factory=dict)
    told: dict[str, tuple[str, str]] = field(default_factory=dict)
    apart: dict[str, tuple[str, str]] = field(default_factory=dict)
    pairs: list[tuple[int, int]] = field(default_factory=list)


def matched(a: pd.DataFrame, b: pd.DataFrame, keys: Collection[str] | None, own: Collection[str] = ()) -> Matched:
    """The conditions of two sides, matched.

    Args:
        a, b: the runs of the two sides, rows of the table of runs with the column `task_label`.
        keys: the settings by which the sides are told apart; None where they are two studies, which may differ in whatever has
            one value on either side.
        own: settings of which each method of a side has a value of its own: they need not be the same to be compared, and are
            told.
    """
    free = set(own) - set(keys or ())
    runs = pd.concat([a, b], ignore_index=True)
    names = settings(runs)
    texts = pd.DataFrame({name: _values(runs[name]) for name in names}, index=runs.index)
    if GRADIENT in texts:
        texts.loc[cut_of_method(runs) & never_cut(runs), GRADIENT] = ""
    side = pd.Series([0] * len(a) + [1] * len(b), index=runs.index)
    number = texts.groupby(names, sort=False, dropna=False).ngroup()
    kinds = set() if keys is None else {_kind(key) for key in keys}
    cells = list(_cells(texts, side, number, keys, kinds, free))
    all_cells = [cell for cell, _ in cells]
    words = _words(runs, dict.fromkeys(name for cell in all_cells for name in (*cell.joined, *cell.own)))
    rows: list[pd.DataFrame] = []
    for cell, held in cells:
        for pair in cell.pairs:
            of = [held.index[(held == number) & (side[held.index] == at)] for at, number in enumerate(pair)]
            named = _named(runs, words, (of[0][0], of[1][0]), cell, kinds)
            rows += [runs.loc[of[at], ["run"]].assign(side=at, condition=len(rows), **named) for at in (0, 1)]
    merged_told: dict[str, tuple[str, str]] = {}
    for cell in all_cells:
        for name, values in cell.told.items():
            known = merged_told.get(name)
            merged_told[name] = values if known is None else (_also(known[0], values[0]), _also(known[1], values[1]))
    partners = [{pair[at] for cell in all_cells for pair in cell.pairs} for at in (0, 1)]
    first = runs.assign(number=number, side=side).drop_duplicates(["side", "number"])
    alone = [first.loc[(first["side"] == at) & ~first["number"].isin(partners[at]), "run"].astype("str") for at in (0, 1)]
    apart = {name: values for cell in all_cells if not cell.pairs for name, values in cell.apart.items()}
    columns = ["side", "run", "condition", "task_label", "model_label", "setting"]
    pairs = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)
    return Matched(pairs=pairs, told=merged_told, apart=apart, alone=(tuple(alone[0]), tuple(alone[1])))


def _kind(key: str) -> str:
    """The part that a key sets, or the key itself; regime and objective together are the method."""
    axis = key.partition(".")[0]
    if axis in ("regime", "objective"):
        return "method"
    return axis if axis in (*_CELL, "feedback") else key


def _values(column: pd.Series) -> list[str]:
    return ["" if pd.isna(value) else str(value) for value in column]


def _cells(
    texts: pd.DataFrame,
    side: pd.Series,
    number: pd.Series,
    keys: Collection[str] | None,
    kinds: set[str],
    free: set[str],
) -> Iterator[tuple[_Cell, pd.Series]]:
    """Every cell that both sides have, with the number of the condition of each of its runs."""
    by = [name for name in _CELL if name in texts and _kind(name) not in kinds]
    for _, rows in texts.groupby(by, sort=False):
        of = side[rows.index]
        if of.nunique() == 2:
            yield _cell(rows, of, number[rows.index], keys, kinds, free), number[rows.index]


def _cell(
    rows: pd.DataFrame,
    side: pd.Series,
    number: pd.Series,
    keys: Collection[str] | None,
    kinds: set[str],
    free: set[str],
) -> _Cell:
    made = _Cell()
    for name in rows.columns:
        values_a, values_b = (list(dict.fromkeys(rows.loc[side == at, name])) for at in (0, 1))
        if len(values_a) == len(values_b) == 1 and (values_a == values_b or (keys is not None and name in keys)):
            continue
        apart = not set(values_a) & set(values_b)
        of_kind = _kind(name) in kinds or (name == GRADIENT and [""] in (values_a, values_b))
        values = _listed(name, values_a), _listed(name, values_b)
        if name in free:
            if values_a != values_b:
                made.told[name] = values
        elif apart and len(values_a) == len(values_b) == 1 and (keys is None or of_kind or name in _BESIDE):
            # what one part alone has goes without saying
            cut = name == GRADIENT and FLOWS not in (*values_a, *values_b)
            if (values_a[0] and values_b[0]) or not of_kind or name == ALWAYS_SHOWN or cut:
                made.told[name] = values
        elif apart and of_kind and 1 in (len(values_a), len(values_b)):
            made.own[name] = int(len(values_b) > 1)
            if (values_a if len(values_a) == 1 else values_b) != [""] and name not in (keys or ()):
                made.told[name] = values
        else:
            made.joined.append(name)
            if apart:
                made.apart[name] = values
    first = rows.assign(number=number, side=side).drop_duplicates(["side", "number"])
    sides = [first[first["side"] == at] for at in (0, 1)]
    if made.joined:
        pairs = sides[0].merge(sides[1], on=made.joined, suffixes=("", "_other"))
    else:
        pairs = sides[0].merge(sides[1], how="cross", suffixes=("", "_other"))
    made.pairs = list(zip(pairs["number"], pairs["number_other"], strict=True))
    return made


def _words(runs: pd.DataFrame, names: Collection[str]) -> dict[str, list[str]]:
    """The settings `names` of every run in words, by setting."""
    last = [name.rpartition(".")[2] for name in names]
    words = {}
    for name, short in zip(names, last, strict=True):
        plain = described(runs, [name])
        words[name] = plain if last.count(short) == 1 else [text and name + text.removeprefix(short) for text in plain]
    return words


def _named(
    runs: pd.DataFrame, words: dict[str, list[str]], pair: tuple[int, int], cell: _Cell, kinds: set[str]
) -> dict[str, str]:
    """The labels of a pair of conditions: whatever differs between pairs is in them."""
    texts: dict[str, list[str]] = {"model": [], "regime": [], "setting": []}
    for name, texts_of_runs in words.items():
        axis = name.partition(".")[0]
        word = texts_of_runs[pair[cell.own.get(name, 0)]]
        if name in _CELL and _kind(name) in kinds:
            texts["setting"].append(label(word.removeprefix(f"{name}=")))
        elif word and name not in _CELL and (axis != "task" or "task" in kinds):
            texts[axis if axis in ("model", "regime") and _kind(name) not in kinds else "setting"].append(word)
    run = runs.loc[pair[0]]
    model = merged(label(str(run["model"])), ", ".join(texts["model"]))
    method = merged(label(str(run["regime"])), ", ".join(texts["regime"]))
    if "objective" in words:
        method = f"{method} + {label(str(run['objective']))}"
    elif "method" not in kinds and (objective := _unusual_objective(runs, pair[0])):
        method = f"{method} + {objective}"
    names = [name for axis, name in (("model", model), ("method", method)) if axis not in kinds]
    task = label(str(run["task"])) if "task" in kinds else str(run["task_label"])
    remarks = [*names[1:], *texts["setting"]]
    return {"task_label": task, "model_label": names[0] if names else "", "setting": ", ".join(remarks)}


def _unusual_objective(runs: pd.DataFrame, place: int) -> str:
    """The objective of a run as the label of its regime has it: "" where it is the usual one of its task."""
    return str(runs.loc[place, "regime_label"]).partition(" + ")[2] if "regime_label" in runs else ""


def _listed(name: str, values: list[str]) -> str:
    """Values in words; a setting of a measure that is not written has its default, any other is none of the part."""
    nothing = "default" if _MEASURE_SETTING.fullmatch(name) else "none"
    return " or ".join(_short(value) or nothing for value in values)


def _short(value: str) -> str:
    """A number with no more than its digits: 0 for 0.0."""
    try:
        return f"{float(value):.12g}"
    except ValueError:
        return value


def _also(known: str, addition: str) -> str:
    """Both lists of `_listed` in one, each value once."""
    return " or ".join(dict.fromkeys([*known.split(" or "), *addition.split(" or ")]))
