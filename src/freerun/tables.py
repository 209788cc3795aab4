"""What was measured? Tidy frames, one row an observation: a pure function of the records.

    runs     one row a run: what it was, what became of it, by what it was made
    curves   training: run, update, quantity, value
    gaps     measurement: run, ..., split, mode, metric, step, value, unit

Nothing that differs between two executions of the same plan (wall times, host names) enters a table.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from freerun.errors import CorruptRecord
from freerun.store import Store, write_atomic

#: The axes of an experiment that are columns by their plain name.
AXES = ("task", "model", "regime", "feedback", "gradient", "seed")
#: The columns by which a measurement is told from another one of the same run.
MEASURE = ("split", "mode", "metric", "step")
NAMES = ("runs", "curves", "gaps")
VERSIONS = ("python", "freerun", "torch", "numpy")


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The three frames of a study.

    Attributes:
        runs: run, study, task, model, regime, feedback, gradient, seed, every setting (``training.lr``), status, reason,
            provenance.
        curves: run, update, quantity, value.
        gaps: run, study, task, model, regime, feedback, gradient, seed, split, mode, metric, step, value, unit. `step` is the
            lead time since the release (1: the first prediction after it), 0 for a value of the whole rollout.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    gaps: pd.DataFrame


def frames(store: Store, ids: Iterable[str], study: str, planned: Mapping[str, Mapping[str, Any]] | None = None) -> Tables:
    """The frames of the runs `ids`, in their order; a run without a sound record is `failed` or `pending`.

    Args:
        store: where the records are.
        ids: the identities of the runs of the study.
        study: its name, a column of the tables.
        planned: the canonical experiments by identity, to tell what pending runs would have been.
    """
    order = list(dict.fromkeys(ids))
    rows: list[dict[str, Any]] = []
    curves: list[tuple[int, list[dict[str, Any]]]] = []
    series: list[tuple[int, dict[str, Any]]] = []
    for number, (run, record) in enumerate(records(store, order)):
        tree = record["experiment"] if record else (planned or {}).get(run, {})
        rows.append({"run": run, "study": study, **_axes(tree), **_settings(tree), **_outcome(record, store.failure(run))})
        if record:
            curves.append((number, record["curves"]))
            series.extend((number, {**each, "values": np.array(each["values"], dtype=float)}) for each in record["series"])
    runs = _typed(rows)
    return Tables(runs=runs, curves=_curves(curves, order), gaps=_gaps(series, runs))


def records(store: Store, ids: Iterable[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Each run with its record, or with None where there is no sound one."""
    for run in ids:
        try:
            yield run, store.read(run)
        except (FileNotFoundError, CorruptRecord):
            yield run, None


def samples(store: Store, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the tasks of finished runs show of their free rollouts, by run; runs that show nothing are left out."""
    return {run: record["sample"] for run, record in records(store, ids) if record and record.get("sample")}


def write(tables: Tables, folder: Path) -> None:
    """Write each frame as Parquet and as CSV, whole or not at all; the same frames give the same bytes.

    Raises:
        OSError: if the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        frame: pd.DataFrame = getattr(tables, name)
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        write_atomic(folder / f"{name}.parquet", buffer.getvalue())
        text = frame.to_csv(index=False, float_format="%.9g", lineterminator="\n")
        write_atomic(folder / f"{name}.csv", text.encode())


def read(folder: Path) -> Tables:
    """The frames that `write` wrote.

    Raises:
        FileNotFoundError: if one is missing.
    """
    return Tables(**{name: pd.read_parquet(folder / f"{name}.parquet") for name in NAMES})


def _axes(tree: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for axis in AXES:
        value = tree.get(axis)
        found[axis] = value["name"] if isinstance(value, Mapping) else value
    return found


def _settings(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting as ``part.setting``, in the order of the tree."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            if "name" in value and key not in AXES:
                flat[key] = value["name"]
            flat.update({f"{key}.{name}": _plain(each) for name, each in value.items() if name != "name"})
        elif key not in AXES:
            flat[key] = value
    return flat


def _plain(value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, (list, dict)) else value


def _outcome(record: dict[str, Any] | None, failure: str | None = None) -> dict[str, Any]:
    if record is None:
        return {"status": "pending" if failure is None else "failed", "reason": failure or ""}
    made = record["provenance"]
    found = {"status": record["status"], "reason": record["reason"]}
    found |= {f"version.{name}": made.get("versions", {}).get(name) for name in VERSIONS}
    return found | {key: made.get(key) for key in ("commit", "machine", "threads", "data")}


def _typed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The rows as a frame whose types depend on the values alone: first what a run is, then its settings, then its outcome."""
    first, last = (
        ("run", "study", *AXES),
        tuple(_outcome(None)) + tuple(_outcome({"status": "", "reason": "", "provenance": {}})),
    )
    names = dict.fromkeys(name for row in rows for name in row)
    settings = sorted(name for name in names if name not in first and name not in last)
    columns = {name: _column([row.get(name) for row in rows]) for name in (*first, *settings, *dict.fromkeys(last))}
    return pd.DataFrame({**columns, "seed": columns["seed"].astype("Int64")})


def _column(values: list[Any]) -> pd.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    if kinds == {int}:
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float}:
        return pd.Series(np.array(values, dtype=float))
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pd.Series(texts, dtype="str")


def _curves(curves: list[tuple[int, list[dict[str, Any]]]], order: list[str]) -> pd.DataFrame:
    points = [point for _, each in curves for point in each]
    run = np.repeat(np.array([number for number, _ in curves], dtype=np.int64), [len(each) for _, each in curves])
    return pd.DataFrame(
        {
            "run": pd.Categorical.from_codes(run, pd.Index(list(order), dtype="str")),
            "update": np.array([point["update"] for point in points], dtype=np.int64),
            "quantity": _coded([point["quantity"] for point in points]),
            "value": np.array([point["value"] for point in points], dtype=float),
        }
    )


def _gaps(series: list[tuple[int, dict[str, Any]]], runs: pd.DataFrame) -> pd.DataFrame:
    sizes = np.array([len(each["values"]) for _, each in series], dtype=np.int64)
    run = np.repeat(np.array([number for number, _ in series], dtype=np.int64), sizes)
    columns: dict[str, Any] = {"run": pd.Categorical.from_codes(run, pd.Index(list(runs["run"]), dtype="str"))}
    for name in ("study", *AXES[:-1]):
        columns[name] = _coded(list(runs[name])).take(run)
    columns["seed"] = runs["seed"].fillna(-1).to_numpy(dtype=np.int64)[run]
    for name in ("split", "mode", "metric"):
        columns[name] = _coded([each[name] for _, each in series]).repeat(sizes)
    steps = [each["first"] + np.arange(len(each["values"]), dtype=np.int64) for _, each in series]
    columns["step"] = np.concatenate([np.zeros(0, dtype=np.int64), *steps])
    columns["value"] = np.concatenate([np.zeros(0), *(each["values"] for _, each in series)])
    columns["unit"] = _coded([each["unit"] for _, each in series]).repeat(sizes)
    return pd.DataFrame(columns)


def _coded(values: list[Any]) -> pd.Categorical:
    """Text as a categorical whose categories stand in the order in which they first come up."""
    known = {value: code for code, value in enumerate(dict.fromkeys(v for v in values if isinstance(v, str)))}
    codes = np.array([known.get(value, -1) for value in values], dtype=np.int64)
    return pd.Categorical.from_codes(codes, pd.Index(list(known), dtype="str"))
