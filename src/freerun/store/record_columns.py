"""Records as columns: what the tables need of many records at once.

A study has few experiments apart from their seeds, few names and many numbers; so texts are kept once and numbers as arrays.
Everything here is a pure function of the records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from freerun.store import player_records
from freerun.store.record_types import Measured, Record, Trained
from freerun.store.records import IDENTITY

#: The columns of each level, and how many rows of it a row of the level above has.
LEVELS = {
    "run": ("run", "seed", "experiment", "outcome", "quantities", "players", "points", "series"),
    "point": ("update", "quantity", "logged"),
    "series": ("split", "mode", "metric", "unit", "first", "length"),
    "value": ("value",),
}
#: The columns that are codes of texts.
TEXTS = ("experiment", "outcome", "quantities", "players", "quantity", "split", "mode", "metric", "unit")
#: In place of a mode, for measures that set both modes side by side: the value and the ends of its interval.
COMPARED = ("compared", "compared low", "compared high")
#: The settings of the metrics that are a plugin's, among those of an evaluation.
OWN_SETTINGS = "settings of plugins"
#: Letters of the longest identity, that of a measurement.
WIDTH = 25
_RUN = f"S{WIDTH}"
_RUN_TEXT = re.compile(IDENTITY.pattern.encode())
#: The columns that say how many rows of another level there are; most that one may say.
_SIZES, _MOST = {"points": "point", "series": "series", "length": "value"}, 2**40
_POINT, _SERIES = attrgetter("update", "quantity"), attrgetter("split", "mode", "metric", "unit", "first")
_Values = list[float | None]


@dataclass(frozen=True, kw_only=True)
class Extract:
    """The records of some runs as columns.

    Attributes:
        columns: those of `LEVELS` by name. `points` and `series` count the rows of a run, `length` the values of a series;
            `experiment` is without its seed and with `OWN_SETTINGS`, `outcome` what `of` was told to make of a record,
            `quantities` what its metrics mean by their names ({} in a record from before records said it), `players` the
            identity of the reference players that belong to it ("" in a record from before there were any).
        texts: the texts that each column of `TEXTS` counts through.
    """

    columns: dict[str, np.ndarray]
    texts: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.columns["run"])

    def runs(self) -> list[str]:
        """Return the identities of the runs."""
        return [str(run, "ascii") for run in self.columns["run"].tolist()]

    def select(self, rows: np.ndarray) -> Extract:
        """Return the runs at the places `rows`, in that order."""
        if np.array_equal(rows, np.arange(len(self))):
            return self
        columns = self.columns
        series = _ranges(columns["series"], rows)
        places = {
            "run": rows, "point": _ranges(columns["points"], rows), "series": series,
            "value": _ranges(columns["length"], series),
        }  # fmt: skip
        return Extract(
            columns={name: columns[name][places[level]] for level, names in LEVELS.items() for name in names}, texts=self.texts
        )


def demand_sound(extract: Extract) -> None:
    """Check that the columns of an extract fit together: every code and every count points at a row or a text that exists.

    Raises:
        ValueError: if they do not.
    """
    columns = extract.columns
    if set(columns) != {name for names in LEVELS.values() for name in names} or set(extract.texts) != set(TEXTS):
        raise ValueError("an extract has other columns")
    if any(column.ndim != 1 for column in columns.values()):
        raise ValueError("a column is a list")
    for name in ("seed", "update", "first", *_SIZES):
        if columns[name].dtype != np.int64:
            raise ValueError(f"{name} is of another type")
    for name in TEXTS:
        codes = columns[name]
        if codes.dtype != np.int32 or (len(codes) and not (codes.min() >= 0 and codes.max() < len(extract.texts[name]))):
            raise ValueError(f"{name} counts through other texts")
    for name in ("logged", "value"):
        if columns[name].dtype != np.float64:
            raise ValueError(f"{name} is of another type")
    rows = {"run": len(columns["run"])} | {level: _total(columns[name]) for name, level in _SIZES.items()}
    for level, names in LEVELS.items():
        if any(len(columns[name]) != rows[level] for name in names):
            raise ValueError(f"a {level} is missing")
    runs = columns["run"].tolist()
    if len(set(runs)) != len(runs) or not all(_RUN_TEXT.fullmatch(run) for run in runs):
        raise ValueError("a run is named twice, or by no identity")


def _total(sizes: np.ndarray) -> int:
    if len(sizes) and (sizes.min() < 0 or sizes.max() > _MOST):
        raise ValueError("a size of no list")
    return int(sizes.sum())


def join(parts: Sequence[Extract]) -> Extract:
    """Return the runs of several extracts, one after the other."""
    columns = {name: [part.columns[name] for part in parts] for names in LEVELS.values() for name in names}
    texts = {}
    for name in TEXTS:
        code_of: dict[str, int] = {}
        for number, part in enumerate(parts):
            codes = np.array([code_of.setdefault(text, len(code_of)) for text in part.texts[name]], dtype=np.int32)
            columns[name][number] = codes[columns[name][number]] if len(codes) else columns[name][number]
        texts[name] = list(code_of)
    return Extract(columns={name: np.concatenate(arrays) for name, arrays in columns.items()}, texts=texts)


def of(records: Iterable[Record], outcome: Callable[[Trained], dict[str, Any]]) -> Extract:
    """Return the extract of some records, in their order; each record is let go before the next one is asked for.

    Args:
        records: as `Store.whole` gives them.
        outcome: what the tables say of how a run ended and by what it was made.
    """
    rows: dict[str, list[Any]] = {name: [] for name in ("run", "seed", "experiment", "outcome", "quantities", "players")}
    logged, values = [np.zeros(0)], [np.zeros(0)]
    layouts: dict[str, dict[tuple[Any, ...], int]] = {"point": {}, "series": {}}  # of one study there are few
    layout_codes: dict[str, list[int]] = {"point": [], "series": []}
    encode = msgspec.json.Encoder().encode
    for record in records:
        trained, measured = record
        tree = _with_own_settings(trained.experiment, measured.metrics)
        rows["run"].append(measured.run)
        rows["seed"].append(tree.pop("seed"))
        rows["experiment"].append(encode(tree))
        rows["outcome"].append(encode(outcome(trained)))
        rows["quantities"].append(bytes(measured.quantities))
        rows["players"].append((player_records.of(record) or "").encode())
        series = list(_series(measured))
        logged.append(np.array([point.value for point in trained.curves], dtype=float))
        values.append(np.array(list(chain.from_iterable([numbers for _, numbers in series])), dtype=float))
        layout = {
            "point": tuple(map(_POINT, trained.curves)),
            "series": tuple([(*key, len(numbers)) for key, numbers in series]),
        }
        for level, codes_of in layouts.items():
            layout_codes[level].append(codes_of.setdefault(layout[level], len(codes_of)))
    columns = {"run": np.array(rows["run"], dtype=_RUN), "seed": np.array(rows["seed"], dtype=np.int64)}
    texts = {}
    for name in ("experiment", "outcome", "quantities", "players"):
        columns[name], coded = _coded(rows[name])
        texts[name] = [text.decode() for text in coded]
    for level, count in (("point", "points"), ("series", "series")):
        flat = list(chain.from_iterable(layouts[level]))
        sizes = np.array([len(entries) for entries in layouts[level]], dtype=np.int64)
        chosen = np.array(layout_codes[level], dtype=np.int64)
        places, columns[count] = _ranges(sizes, chosen), sizes[chosen]
        for number, name in enumerate(name for name in LEVELS[level] if name != "logged"):
            column = [row[number] for row in flat]
            if name in TEXTS:
                codes, texts[name] = _coded(column)
                columns[name] = codes[places]
            else:
                columns[name] = np.array(column, dtype=np.int64)[places]
    columns["logged"], columns["value"] = np.concatenate(logged), np.concatenate(values)
    return Extract(columns=columns, texts=texts)


def _with_own_settings(experiment: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An experiment with the settings of those of its metrics that are a plugin's, under `OWN_SETTINGS` of its evaluation.

    An experiment says a setting of a metric only where it is not by default; a plugin's default its record knows alone.
    """
    own = {name: spec.get("settings") for name, spec in metrics.items() if "source" in spec}
    own = {name: dict(settings) for name, settings in own.items() if isinstance(settings, Mapping) and settings}
    tree, evaluation = dict(experiment), experiment.get("evaluation")
    return {**tree, "evaluation": {**evaluation, OWN_SETTINGS: own}} if own and isinstance(evaluation, Mapping) else tree


def _series(measured: Measured) -> Iterator[tuple[tuple[Any, ...], _Values]]:
    """Yield the series of a record with their keys, then its comparisons and the ends of their intervals as further modes."""
    for series in measured.series:
        yield _SERIES(series), series.values
    for measure in measured.comparisons:
        for mode, values in zip(COMPARED, (measure.values, measure.low, measure.high), strict=True):
            if values is not None:
                yield (measure.split, mode, measure.metric, measure.unit, measure.first), values


def _coded(column: Sequence[Any]) -> tuple[np.ndarray, list[Any]]:
    code_of: dict[Any, int] = {}
    codes = np.array([code_of.setdefault(text, len(code_of)) for text in column], dtype=np.int32)
    return codes, list(code_of)


def _ranges(sizes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the places, one level below, of `rows` of which each has its number of places in `sizes`."""
    starts, chosen = np.concatenate([[0], np.cumsum(sizes)])[rows], sizes[rows]
    before = np.concatenate([[0], np.cumsum(chosen)[:-1]]) if len(chosen) else np.zeros(0, dtype=np.int64)
    return np.repeat(starts - before, chosen) + np.arange(int(chosen.sum()))
