"""Replicates: runs that differ in their seed alone, under one label for each condition.

Two runs may share the names of their task, model and regime and yet differ in a setting that a study sweeps. Whatever varies
becomes part of a label, so that seeds of different settings are never pooled.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from freerun.analysis.inference.labels import label
from freerun.analysis.tables.run_table import MADE_BY

#: The columns that `conditions` gives, by which runs are pooled.
CELL = ["task_label", "model_label", "method"]
#: All that it gives.
LABELS = ["task_label", "model_label", "regime_label", "setting", "method"]
BASELINE = "teacher_forcing"
_NOT_SETTINGS = frozenset({"run", "study", "task", "model", "regime", "objective", "seed", "status", "reason", *MADE_BY})


def conditions(runs: pd.DataFrame) -> pd.DataFrame:
    """The condition of every run, for people.

    Returns:
        Indexed by run, in the order of `runs`: `task_label`, `model_label`, `regime_label`, `setting` (what varies beside the
        task, the model and the regime, "" for nothing) and `method` (the regime with all that varies); categoricals in the
        order in which conditions first come up, teacher forcing first. Pending runs of which nothing is known are left out.
    """
    known = runs[runs["task"].notna()]
    table = known[["run", "task", "model", "regime"]].astype(object)
    for part, cell_of_part in (("task", ["task"]), ("model", ["task", "model"])):
        varying = _varying(known, _settings(known, part), table[cell_of_part])
        table[f"{part}_label"] = _names(known, part, varying, table)
    cell = table[["task_label", "model_label"]]
    own = _varying(known, _settings(known, "regime"), cell.assign(regime=table["regime"]))
    table["regime_label"] = _names(known, "regime", own, table)
    table["plain"] = _objectives(known, table)
    others = [
        name
        for name in known.columns
        if name not in _NOT_SETTINGS and not name.startswith(("task.", "model.", "regime.", "objective.", "version."))
    ]
    swept = sorted({name for names in _varying(known, others, cell).values() for name in names})
    table["setting"] = _described(known, swept)
    table["method"] = [_merged(name, setting) for name, setting in zip(table["regime_label"], table["setting"], strict=True)]
    return _ordered(table)


def annotated(frame: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """`frame`, which has a column `run`, with the columns of `conditions` for each of its rows."""
    where = table.index.get_indexer(pd.Index(frame["run"].astype("str")))
    return frame.assign(**{name: table[name].array.take(where, allow_fill=True) for name in table.columns})


def _settings(runs: pd.DataFrame, part: str) -> list[str]:
    return [name for name in runs.columns if name.startswith(f"{part}.")]


def _varying(runs: pd.DataFrame, settings: list[str], cell: pd.DataFrame) -> dict[str, list[str]]:
    """The settings that vary within a cell of runs, by the last column of `cell`."""
    found: dict[str, list[str]] = {}
    if not settings or runs.empty:
        return found
    keys = [cell[name] for name in cell.columns]
    counts = runs[settings].groupby(keys, sort=False).nunique(dropna=False)
    for key, row in counts.iterrows():
        names = found.setdefault(str(key[-1] if isinstance(key, tuple) else key), [])
        names += [name for name in settings if row[name] > 1 and name not in names]
    return found


def _names(runs: pd.DataFrame, part: str, varying: dict[str, list[str]], table: pd.DataFrame) -> list[str]:
    """The label of a part of every run, with those of its settings that vary."""
    texts = {name: _described(runs, settings) for name, settings in varying.items() if settings}
    plain = [""] * len(runs)
    return [_merged(label(name), texts.get(name, plain)[row]) for row, name in enumerate(table[part])]


def _objectives(runs: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Make an objective that is not its task's usual one, that of most regimes, a part of the method; returns where it is.

    Professor forcing is teacher forcing with another objective, and no replicate of it.
    """
    if "objective" not in runs:
        return np.ones(len(runs), dtype=bool)
    table["objective"] = runs["objective"].astype(object)
    once = table[["task", "regime", "objective"]].drop_duplicates()
    usual = once.groupby("task", sort=False)["objective"].agg(lambda names: names.value_counts(sort=True).index[0])
    plain = (table["objective"] == table["task"].map(usual)).to_numpy()
    cell = table[["task_label", "model_label", "regime_label", "objective"]]
    swept = _varying(runs, _settings(runs, "objective"), cell)
    names = _names(runs, "objective", swept, table)
    settings = [name[len(label(part)) :].strip(" ()") for name, part in zip(names, table["objective"], strict=True)]
    table["regime_label"] = [
        _merged(regime, setting) if usually else f"{regime} + {name}"
        for regime, setting, name, usually in zip(table["regime_label"], settings, names, plain, strict=True)
    ]
    return plain


def _described(runs: pd.DataFrame, settings: list[str]) -> list[str]:
    columns = [[_value(each) for each in runs[name]] for name in settings]
    words = [name.rpartition(".")[2] for name in settings]
    rows = zip(*columns, strict=True) if columns else ([] for _ in range(len(runs)))
    return [", ".join(f"{word}={value}" for word, value in zip(words, row, strict=True) if value) for row in rows]


def _value(value: object) -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _merged(name: str, setting: str) -> str:
    if not setting:
        return name
    return f"{name[:-1]}, {setting})" if name.endswith(")") else f"{name} ({setting})"


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    first = (table["regime"] == BASELINE) & table["plain"]
    columns = {}
    for name in LABELS:
        order = dict.fromkeys([*table.loc[first, name], *table[name]] if name in ("regime_label", "method") else table[name])
        columns[name] = pd.Categorical(table[name], categories=list(order))
    return pd.DataFrame(columns, index=pd.Index(table["run"].astype("str"), name="run"))
