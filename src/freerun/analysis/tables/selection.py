"""Selection of runs: the tables of those that have some settings, with the reference players of their worlds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from freerun.analysis.tables.tidy import Tables
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import near, nearest
from freerun.io.text import brief, one_line


def select(tables: Tables, settings: Mapping[str, Any]) -> Tables:
    """Return the tables of those runs that have these settings.

    Args:
        tables: of a study.
        settings: columns of `runs`, each with a value, or with a list of those that will do.

    Raises:
        ConfigError: if there is no such setting, or no run has it.
    """
    if not isinstance(settings, Mapping):
        raise ConfigError(f'select {brief(settings)}: must be settings by name, such as {{"regime": "free_running"}}')
    runs = tables.runs
    chosen = pd.Series(True, index=runs.index)
    for name, asked in settings.items():
        _demand_column(name, runs)
        wanted = list(asked) if isinstance(asked, (list, tuple, set, range)) else [asked]
        known = runs[name].dropna().unique().tolist()
        for value in wanted:
            if value not in known:
                raise _no_run(name, value, known)
        chosen &= runs[name].isin(wanted)
    if not chosen.any():
        raise ConfigError(f"select: none of the {len(runs)} runs has all of these settings")
    return some(tables, runs[chosen])


def typed(words: Iterable[str], runs: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the settings that some words choose, ``regime=teacher_forcing,free_running``, as values of the runs.

    Raises:
        ConfigError: if a word is not of this form, there is no such setting, or no run has it.
    """
    settings: dict[str, list[Any]] = {}
    for name, text in key_value.pairs(words).items():
        _demand_column(name, runs)
        values: list[Any] = []
        for word in text.split(","):
            same = equal(runs[name], word)
            if not same.any() or word.casefold() in _NOTHING:
                raise _no_run(name, word, runs[name].dropna().unique().tolist())
            values += runs.loc[same, name].unique().tolist()
        settings[name] = list(dict.fromkeys(values))
    return settings


#: How nothing is typed.
_NOTHING = ("none", "null", "~")


def equal(column: pd.Series, value: str) -> pd.Series:
    """Whether each row of a column has the value that was typed."""
    if value.casefold() in _NOTHING:
        return column.isna()
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        try:
            return (column.astype(float) == float(value)).fillna(False).astype(bool)
        except ValueError:
            return pd.Series(False, index=column.index)
    typed_value = value.casefold().replace("_", " ")
    return column.astype("str").str.casefold().str.replace("_", " ").eq(typed_value) & column.notna()


def some(tables: Tables, runs: pd.DataFrame) -> Tables:
    """The frames of some runs, with the reference players of their tasks and seeds."""
    kept = set(runs["run"].astype(str))

    def rows(frame: pd.DataFrame) -> pd.DataFrame:
        of_runs = frame[frame["run"].astype(str).isin(kept)].reset_index(drop=True)
        for name in of_runs.columns:
            if isinstance(of_runs[name].dtype, pd.CategoricalDtype):
                of_runs[name] = of_runs[name].cat.remove_unused_categories()
        return of_runs

    return replace(
        tables, runs=runs.reset_index(drop=True), curves=rows(tables.curves), gaps=rows(tables.gaps),
        compared=rows(tables.compared), players=_players(tables, runs), budgets=rows(tables.budgets),
        whole=tables.runs if tables.whole is None else tables.whole,
    )  # fmt: skip


def _demand_column(name: str, runs: pd.DataFrame) -> None:
    if name not in runs:
        raise ConfigError(f"select {brief(name)}: no such setting; {nearest(name, list(runs.columns))}")


def _no_run(name: str, value: object, known: Iterable[object]) -> ConfigError:
    has = [str(one) for one in known]
    meant = near(str(value), [one for one in known if isinstance(one, str)])
    there = f"did you mean {meant!r}?" if meant is not None else f"there is {one_line(', '.join(dict.fromkeys(has)), 120)}"
    return ConfigError(f"select {name}={brief(value)}: no run has it; {there}")


def _players(tables: Tables, runs: pd.DataFrame) -> pd.DataFrame:
    """The reference players of the worlds of some runs; they stand beside the first run of their world."""
    columns = [str(name) for name in tables.runs.columns]
    world = [name for name in columns if name in ("task", "seed", "feedback") or name.startswith(("task.", "evaluation."))]
    values = tables.runs[world].astype("str").itertuples(index=False, name=None)
    keys = dict(zip(tables.runs["run"].astype("str"), values, strict=True))
    first = {keys[str(run)]: str(run) for run in reversed(runs["run"].tolist())}
    beside = tables.players["run"].astype(str).map(lambda run: first.get(keys.get(str(run), ())))
    return tables.players.assign(run=beside)[beside.notna()].reset_index(drop=True)
