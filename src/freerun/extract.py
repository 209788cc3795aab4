"""What do the tables need of a record? The same of many records at once, as columns.

A study has few experiments apart from their seeds, few names and many numbers; so texts are kept once and numbers as arrays.
Everything here is a pure function of the records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

#: The columns of each level, and how many rows of it a row of the level above has.
LEVELS = {
    "run": ("run", "seed", "experiment", "outcome", "points", "series"),
    "point": ("update", "quantity", "logged"),
    "series": ("split", "mode", "metric", "unit", "first", "length"),
    "value": ("value",),
}
#: The columns that are codes of texts.
TEXTS = ("experiment", "outcome", "quantity", "split", "mode", "metric", "unit")
_FLOATS, _RUN = ("logged", "value"), "S16"
_POINT, _SERIES = itemgetter("update", "quantity", "value"), itemgetter("split", "mode", "metric", "unit", "first", "values")


@dataclass(frozen=True, kw_only=True)
class Extract:
    """The records of some runs as columns.

    Attributes:
        columns: those of `LEVELS` by name. `points` and `series` count the rows of a run, `length` the values of a series;
            `experiment` is without its seed, `outcome` what `of` was told to make of a record.
        texts: the texts that each column of `TEXTS` counts through.
    """

    columns: dict[str, np.ndarray]
    texts: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.columns["run"])

    def runs(self) -> list[str]:
        """The identities of the runs."""
        return [str(run, "ascii") for run in self.columns["run"].tolist()]

    def select(self, rows: np.ndarray) -> Extract:
        """The runs at the places `rows`, in that order."""
        if np.array_equal(rows, np.arange(len(self))):
            return self
        of = self.columns
        series = _ranges(of["series"], rows)
        places = {
            "run": rows, "point": _ranges(of["points"], rows), "series": series, "value": _ranges(of["length"], series),
        }  # fmt: skip
        return Extract(
            columns={name: of[name][places[level]] for level, names in LEVELS.items() for name in names}, texts=self.texts
        )


def join(parts: Sequence[Extract]) -> Extract:
    """The runs of several extracts, one after the other."""
    columns = {name: [part.columns[name] for part in parts] for names in LEVELS.values() for name in names}
    texts = {}
    for name in TEXTS:
        known: dict[str, int] = {}
        for number, part in enumerate(parts):
            codes = np.array([known.setdefault(text, len(known)) for text in part.texts[name]], dtype=np.int32)
            columns[name][number] = codes[columns[name][number]] if len(codes) else columns[name][number]
        texts[name] = list(known)
    return Extract(columns={name: np.concatenate(each) for name, each in columns.items()}, texts=texts)


def of(records: Iterable[dict[str, Any]], outcome: Callable[[dict[str, Any]], dict[str, Any]]) -> Extract:
    """The extract of some records, in their order; each record is let go before the next one is asked for.

    Args:
        records: as `Store.read` gives them.
        outcome: what the tables say of how a run ended and by what it was made.
    """
    rows: dict[str, list[Any]] = {name: [] for name in (*LEVELS["run"], *LEVELS["series"])}
    updates, names, logged, values = [], [], [], []
    for record in records:
        tree = dict(record["experiment"])
        rows["run"].append(record["run"])
        rows["seed"].append(tree.pop("seed"))
        rows["experiment"].append(orjson.dumps(tree))
        rows["outcome"].append(orjson.dumps(outcome(record)))
        points = list(zip(*map(_POINT, record["curves"]), strict=True)) or [(), (), ()]
        updates.append(np.array(points[0], dtype=np.int64))
        names.append(points[1])
        logged.append(np.array(points[2], dtype=float))
        rows["points"].append(len(points[0]))
        series = list(zip(*map(_SERIES, record["series"]), strict=True)) or [()] * 6
        for name, column in zip(LEVELS["series"][:5], series, strict=False):
            rows[name] += column
        rows["series"].append(len(series[0]))
        rows["length"] += map(len, series[5])
        values.append(np.array(list(chain.from_iterable(series[5])), dtype=float))
    texts, columns = {}, {"run": np.array(rows["run"], dtype=_RUN)}
    for name, column in {**rows, "quantity": list(chain.from_iterable(names))}.items():
        if name in TEXTS:
            known: dict[Any, int] = {}
            columns[name] = np.array([known.setdefault(text, len(known)) for text in column], dtype=np.int32)
            texts[name] = [text.decode() if isinstance(text, bytes) else text for text in known]
        elif name != "run":
            columns[name] = np.array(column, dtype=np.int64)
    columns["update"] = np.concatenate([np.zeros(0, dtype=np.int64), *updates])
    columns["logged"], columns["value"] = (np.concatenate([np.zeros(0), *each]) for each in (logged, values))
    return Extract(columns=columns, texts=texts)


def _ranges(sizes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The places, one level below, of `rows` that have `sizes` places each."""
    starts, chosen = np.concatenate([[0], np.cumsum(sizes)])[rows], sizes[rows]
    before = np.concatenate([[0], np.cumsum(chosen)[:-1]]) if len(chosen) else np.zeros(0, dtype=np.int64)
    return np.repeat(starts - before, chosen) + np.arange(int(chosen.sum()))
