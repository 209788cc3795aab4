"""Tidy frames of a study, one row an observation: a pure function of the records.

    runs     one row a run: what it was, what became of it, by what it was made
    curves   training: run, update, quantity, value
    gaps     measurement: run, ..., split, mode, metric, step, value, unit
    compared both modes side by side, of which there is no gap: run, ..., split, metric, step, value, low, high, unit
    quantities what the values mean: task, metric, unit, label, better, low, high, scale, floor, ...
    players  reference players on the same sequences: run, study, task, seed, player, stands, split, mode, metric, step, ...
    budgets  the work of training: run, ..., updates, steps, products

Nothing that differs between two executions of the same plan (wall times, host names) enters a table.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from freerun.analysis.tables import budget_table, player_table, quantities, run_table
from freerun.analysis.tables.precision import as_computed
from freerun.io import html
from freerun.io.writing import write_atomic
from freerun.store import record_schema
from freerun.store.record_columns import COMPARED, Extract
from freerun.store.record_index import extracts, records
from freerun.store.records import Store, names

#: The columns by which a measurement is told from another one of the same run.
MEASURE = ("split", "mode", "metric", "step")
#: How many columns of a frame its representation names.
MOST_NAMED = 12
#: What follows from the method where all are given as much work.
_OF_BUDGET = ("training.updates",)
NAMES = ("runs", "curves", "gaps", "compared", "quantities", "players", "budgets")


@dataclass(frozen=True, kw_only=True, repr=False)
class Tables:
    """The frames of a study.

    Attributes:
        runs: run, study, task, model, regime, feedback, gradient, seed, every setting (``training.lr``), status, reason,
            provenance. `run` is the identity of the trained run; where a study measures one in several ways, that of the
            measurement, which begins with it. `measurement` tells it alone.
        curves: run, update, quantity, value.
        gaps: run, study, task, model, regime, feedback, gradient, seed, split, mode, metric, step, value, unit. `step` is the
            lead time since the release (1: the first prediction after it), 0 for a value of the whole rollout.
        compared: the same columns without `mode`, for measures that set the free rollout beside the forced one or beside the
            true system; `low` and `high` are the 95 % interval of the estimate for this one run, where it is one.
        quantities: what the values mean, a row for each task, metric and unit: the fields of `store.quantity.Quantity`.
        players: run, study, task, seed, player, stands, ignorant, split, mode, metric, step, value, low, high, unit, for
            reference players, which need no training (`analysis.tables.player_table`): no methods, and in no comparison.
        budgets: run, study, task, model, regime, seed, updates, steps, products (`analysis.tables.budget_table`).
        margin: the change that is held for none in the verdicts on the study, as `analysis.inference.equivalence` takes it;
            None for the usual one.
        figures: that the report shows, by name or kind; None for the usual ones.
        tuned: how its methods were tuned, as `store.study_file.Tuned` tells it; None where they were not.
        budget: the work of training of which the study gives all methods as much, `steps` or `products`, so that each has
            updates of its own; None where it says nothing.
        whole: `runs` of the study of which these are a selection, so that a method looks the same in all its figures; None
            where they are the whole.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    gaps: pd.DataFrame
    compared: pd.DataFrame
    quantities: pd.DataFrame
    players: pd.DataFrame = field(default_factory=player_table.none)
    budgets: pd.DataFrame = field(default_factory=budget_table.none)
    margin: float | None = None
    figures: Sequence[str] | None = None
    tuned: Mapping[str, Any] | None = None
    budget: str | None = None
    whole: pd.DataFrame | None = None

    @property
    def own_settings(self) -> tuple[str, ...]:
        """The settings of which each method has a value of its own: those that were tuned, and updates at an equal `budget`."""
        of_budget = [name for name in _OF_BUDGET if self.budget and self.runs[name].nunique() > 1]
        return (*(self.tuned["axes"] if self.tuned else ()), *of_budget)

    def _sizes(self) -> list[tuple[str, str, str]]:
        frames = ((name, getattr(self, name)) for name in NAMES)
        return [(name, f"{len(frame)}", ", ".join(_in_short(list(map(str, frame.columns))))) for name, frame in frames]

    def __repr__(self) -> str:
        return "\n".join(["Tables", *(f"  {name:10} {rows:>8} rows: {columns}" for name, rows, columns in self._sizes())])

    def _repr_html_(self) -> str:
        return html.titled("Tables", html.table(("frame", "rows", "columns"), self._sizes()))


def _in_short(names: list[str]) -> list[str]:
    """The first columns, and how many more there are."""
    return names if len(names) <= MOST_NAMED else [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} more"]


def declared(tables: Tables, info: Mapping[str, Any]) -> Tables:
    """Return tables with what their study declares: margin, figures, equal budget, how it was tuned; None for what it does not.

    Args:
        tables: of the study.
        info: as `freerun.store.study_file.read` gives it.
    """
    margin, figures, budget, tuned = (info.get(name) for name in ("margin", "figures", "budget", "tuned"))
    return replace(tables, margin=margin, figures=figures, budget=budget, tuned=tuned)


def frames(store: Store, ids: Iterable[str], study: str, planned: Mapping[str, Mapping[str, Any]] | None = None) -> Tables:
    """The frames of the runs `ids`, in their order; a run without a sound record is `failed` or `pending`.

    Values at each lead of runs in single precision have 24 significant bits (`as_computed`).

    Args:
        store: where the records are.
        ids: the identities of the runs of the study.
        study: its name, a column of the tables.
        planned: the canonical experiments by identity, to tell what pending runs would have been.
    """
    order = list(dict.fromkeys(ids))
    found = extracts(store, order, run_table.outcome)
    sound = set(found.runs())
    at = np.array([place for place, run in enumerate(order) if run in sound], dtype=np.int64)
    runs = run_table.frame(order, study, found, at, store, planned or {})
    called = runs["run"].tolist()
    measured = as_computed(_measured(found, at, runs), runs)
    beside = measured["mode"].isin(COMPARED).to_numpy()
    gaps = measured[~beside].reset_index(drop=True) if beside.any() else measured
    if beside.any():
        gaps["mode"] = _used(gaps["mode"])
    players = player_table.read(store, found, at, runs)
    return Tables(
        runs=runs, curves=_curves(found, at, called), gaps=gaps, compared=_compared(measured[beside]),
        quantities=quantities.table(found, players), players=as_computed(player_table.frame(players), runs),
        budgets=budget_table.frame(found, at, runs),
    )  # fmt: skip


def samples(store: Store, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the tasks of finished runs show of their free rollouts, by run; runs that show nothing are left out."""
    called = names(ids)
    shown = ((called[record.measured.run], record_schema.sample(record.measured)) for record, _ in records(store, list(called)))
    return {run: sample for run, sample in shown if sample}


def write(tables: Tables, folder: Path) -> None:
    """Write each frame as Parquet, and the runs as CSV beside it; the same frames give the same bytes.

    Each file is there whole or not at all. The CSV of the large frames is made when asked for
    (`freerun.analysis.tables.export.to_csv`).

    Raises:
        OSError: if the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        frame: pd.DataFrame = getattr(tables, name)
        buffer = io.BytesIO()
        numbers = [column for column in frame.columns if pd.api.types.is_float_dtype(frame[column])]
        frame.to_parquet(
            buffer, index=False, compression="zstd", compression_level=15, write_statistics=False,
            column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT"),
            use_dictionary=[column for column in frame.columns if column not in numbers],
        )  # fmt: skip
        write_atomic(folder / f"{name}.parquet", buffer.getvalue())
    write_atomic(folder / "runs.csv", csv_bytes(tables.runs))


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a frame as CSV; a number has the fewest digits that are read back as the same number."""
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text.encode()


def read(folder: Path) -> Tables:
    """The frames that `write` wrote; of tables from before they said what their values mean, that is what metrics say today.

    Tables from before there were players or budgets have none.

    Raises:
        FileNotFoundError: if another one is missing.
    """
    stored = [name for name in NAMES if name not in ("quantities", "players", "budgets")]
    kept: dict[str, Any] = {name: pd.read_parquet(folder / f"{name}.parquet") for name in stored}
    if (folder / "players.parquet").exists() and len(players := pd.read_parquet(folder / "players.parquet")):
        kept["players"] = players
    if (folder / "budgets.parquet").exists():
        kept["budgets"] = pd.read_parquet(folder / "budgets.parquet")
    path = folder / "quantities.parquet"
    meant = pd.read_parquet(path) if path.exists() else quantities.of_frames([kept["gaps"], kept["compared"]])
    return Tables(quantities=meant, margin=None, tuned=None, **kept)


def _curves(found: Extract, at: np.ndarray, called: list[str]) -> pd.DataFrame:
    of = found.columns
    return pd.DataFrame(
        {
            "run": pd.Categorical.from_codes(np.repeat(at, of["points"]), pd.Index(called, dtype="str")),
            "update": of["update"],
            "quantity": _coded(of["quantity"], found.texts["quantity"]),
            "value": of["logged"],
        }
    )


def _measured(found: Extract, at: np.ndarray, runs: pd.DataFrame) -> pd.DataFrame:
    of, sizes = found.columns, found.columns["length"]
    ends = np.cumsum(sizes)
    values = pd.Series(sizes).groupby(np.repeat(np.arange(len(at)), of["series"])).sum().reindex(range(len(at)), fill_value=0)

    def spread(codes: np.ndarray, texts: Any) -> pd.Categorical:
        each = codes[at].astype(np.min_scalar_type(-1 - len(texts)))  # millions of them: small ones are copied sooner
        return pd.Categorical.from_codes(np.repeat(each, values), pd.Index(texts, dtype="str"))

    columns: dict[str, Any] = {"run": spread(np.arange(len(runs)), list(runs["run"]))}
    for name in ("study", *run_table.AXES[:-1]):
        columns[name] = spread(*pd.factorize(runs[name]))
    columns["seed"] = np.repeat(runs["seed"].fillna(-1).to_numpy(dtype=np.int64)[at], values)
    for name in ("split", "mode", "metric"):
        columns[name] = _coded(of[name], found.texts[name]).repeat(sizes)
    columns["step"] = np.arange(len(of["value"])) - np.repeat(ends - sizes - of["first"], sizes)
    columns["value"] = of["value"]
    columns["unit"] = _coded(of["unit"], found.texts["unit"]).repeat(sizes)
    return pd.DataFrame(columns)


def _compared(rows: pd.DataFrame) -> pd.DataFrame:
    """The comparisons with their intervals beside them."""
    keys = [name for name in rows.columns if name not in ("mode", "value")]
    value, low, high = (rows[rows["mode"] == mode] for mode in COMPARED)
    table = value[[*keys, "value"]]
    for name, ends in (("low", low), ("high", high)):
        by = ["run", "split", "metric", "step"]
        table = table.merge(ends[[*by, "value"]].rename(columns={"value": name}), on=by, how="left", validate="one_to_one")
    return table[[name for name in keys if name != "unit"] + ["value", "low", "high", "unit"]].reset_index(drop=True)


def _used(values: pd.Series) -> pd.Categorical:
    """The same texts without the categories that do not come up; counting is faster here than pandas' sorting."""
    codes, names = values.cat.codes.to_numpy(), values.cat.categories
    kept = np.flatnonzero(np.bincount(codes, minlength=len(names)))
    place = np.zeros(len(names), dtype=codes.dtype)
    place[kept] = np.arange(len(kept))
    return pd.Categorical.from_codes(place[codes], names[kept])


def _coded(codes: np.ndarray, texts: list[str]) -> pd.Categorical:
    """Text as a categorical whose categories stand in the order in which they first come up."""
    places, order = pd.factorize(codes)
    return pd.Categorical.from_codes(places, pd.Index([texts[code] for code in order], dtype="str"))
