"""Table of the reference players of a study: one row for each player, seed, mode, measure and step that is kept.

A player is measured on the sequences of the runs, once for each seed and measurement; `run` is the first run of the study that
it stands beside, which tells its task and how it was measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from freerun.errors import CorruptRecord
from freerun.store import player_records
from freerun.store.player_records import Players
from freerun.store.record_columns import Extract
from freerun.store.records import Store

#: The columns that are texts, of which there are few; in this order with the others between them.
_TEXTS = ("run", "study", "task", "player", "stands", "split", "mode", "metric", "unit")
COLUMNS = (
    "run", "study", "task", "seed", "player", "stands", "ignorant", "split", "mode", "metric", "step", "value", "low", "high",
    "unit",
)  # fmt: skip
_DTYPES = {"seed": np.int64, "step": np.int64, "ignorant": np.bool_}
#: What `stands` says.
BEST, TRUTH, DEGENERATE = "best", "truth", "degenerate"


def none() -> pd.DataFrame:
    """The table without a row."""
    return _table({name: [] for name in COLUMNS})


def read(store: Store, extract: Extract, at: np.ndarray, runs: pd.DataFrame) -> list[tuple[Players, pd.Series]]:
    """The records of the players that belong to some runs, each with the first run it stands beside; none that is not sound.

    Args:
        store: where the records are.
        extract: of the runs that have a sound record.
        at: their places in `runs`.
        runs: as in `Tables`.
    """
    records: list[tuple[Players, pd.Series]] = []
    codes, first = np.unique(extract.columns["players"], return_index=True)
    for code, place in sorted(zip(codes.tolist(), first.tolist(), strict=True), key=lambda pair: pair[1]):
        if identity := extract.texts["players"][code]:
            with suppress(FileNotFoundError, CorruptRecord):
                records.append((player_records.read(store, identity), runs.iloc[at[place]]))
    return records


def frame(records: Iterable[tuple[Players, pd.Series]]) -> pd.DataFrame:
    """The table of some records of players, in their order."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for record, run in records:
        _add(columns, record, run)
    return _table(columns)


def _add(columns: dict[str, list[Any]], record: Players, run: pd.Series) -> None:
    """Add the rows of a record, in its order."""
    for level in record.levels:
        count = len(level.steps)
        stands = DEGENERATE if level.player in record.degenerate else BEST if level.player == record.best else TRUTH
        same = {
            **{name: run[name] for name in ("run", "study", "task", "seed")}, "player": level.player, "stands": stands,
            "ignorant": level.player in record.ignorant,
            "split": _held_out(run), "mode": level.mode, "metric": level.metric, "unit": level.unit,
        }  # fmt: skip
        for name, value in same.items():
            columns[name] += [value] * count
        nothing: list[float | None] = [None] * count
        for name, values in (("step", level.steps), ("value", level.values), ("low", level.low), ("high", level.high)):
            columns[name] += nothing if values is None else values


def _held_out(run: pd.Series) -> str:
    """The split that a run and its players are measured on."""
    split = run.get("evaluation.split")
    return split if isinstance(split, str) else "test"


def _table(columns: dict[str, list[Any]]) -> pd.DataFrame:
    made: dict[str, Any] = {}
    for name in COLUMNS:
        if name in _TEXTS:
            made[name] = pd.Categorical(columns[name], categories=pd.Index(list(dict.fromkeys(columns[name])), dtype="str"))
        else:
            made[name] = np.array(columns[name], dtype=_DTYPES.get(name, np.float64))
    return pd.DataFrame(made)
