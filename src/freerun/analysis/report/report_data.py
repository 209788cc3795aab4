"""Data of the report that no table holds, kept beside the tables in `report_data.json`: with it no records are needed.

Tables hold nothing that differs between two executions of one plan, and no samples. The report shows some of that: texts and
strings that models wrote, how long training took, what was noted on the user's own data, and figures of samples, which are kept
as they were drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from freerun.analysis.figures import Drawn, Material
from freerun.analysis.inference.replicates import CELL
from freerun.analysis.report.method_section import Cost, cost, data
from freerun.errors import StoreError
from freerun.io.reading import LARGEST_JSON, content
from freerun.io.writing import write_atomic
from freerun.store import record_schema
from freerun.store.record_index import records
from freerun.store.records import Store, names
from freerun.store.training_time import Run

NAME = "report_data.json"
#: The kinds of samples that the page shows in words; others are in figures alone.
WRITTEN = ("text", "strings")


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """What the report takes from records beside the tables.

    Attributes:
        samples: what runs show of their free rollouts, by run; of `WRITTEN` kinds alone where it was kept.
        seconds: of training, the mean over seeds, by task, model and method.
        cost: what all runs took.
        notes: what was noted on the user's own data.
        drawn: the figures of samples, which tables cannot draw.
    """

    samples: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    seconds: Sequence[tuple[str, str, str, float]] = ()
    cost: Cost | None = None
    notes: Sequence[str] = ()
    drawn: Sequence[Drawn] = ()


def from_records(store: Store, ids: Sequence[str]) -> tuple[ReportData, dict[str, float]]:
    """What sound records hold beside the tables, and the seconds of training by run; `drawn` and `seconds` are still empty."""
    samples, runs, seconds, called = {}, list[Run](), {}, names(ids)
    for (trained, measured), _ in records(store, ids):
        runs.append((trained.experiment, msgspec.structs.asdict(trained.provenance)))
        if trained.provenance.training_seconds is not None:
            seconds[called[measured.run]] = trained.provenance.training_seconds
        if shown := record_schema.sample(measured):
            samples[called[measured.run]] = shown
    return ReportData(samples=samples, cost=cost(runs), notes=data(runs)), seconds


def by_condition(material: Material, seconds: Mapping[str, float]) -> list[tuple[str, str, str, float]]:
    """The mean seconds of training of every condition, by task, model and method."""
    rows = material.runs[["run", *CELL]].assign(seconds=material.runs["run"].astype("str").map(dict(seconds)).astype(float))
    means = rows.groupby(CELL, observed=True, sort=True)["seconds"].mean().dropna().reset_index()
    table = means.itertuples(index=False, name=None)
    return [(str(task), str(model), str(method), float(value)) for task, model, method, value in table]


def write(folder: Path, data: ReportData, material: Material) -> None:
    """Keep in a folder what its tables lack: of each condition the sample that is shown.

    Raises:
        OSError: if the disk refuses.
    """
    shown = {sample.run: sample.content for kind in WRITTEN for sample in material.samples.get(kind, [])}
    kept = _Kept(
        samples=shown, seconds=list(data.seconds), cost=data.cost, notes=list(data.notes), drawn=list(data.drawn)
    )  # fmt: skip
    write_atomic(folder / NAME, msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")


def read(folder: Path) -> ReportData | None:
    """What `write` kept; None where there is no such file.

    Raises:
        StoreError: if it is not what `write` writes.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        kept = msgspec.json.decode(content(path, LARGEST_JSON), type=_Kept)
    except (OSError, ValueError) as fault:
        raise StoreError(f"{path}: cannot be read: {fault}; remove it to build the report from the tables alone") from None
    return ReportData(samples=kept.samples, seconds=kept.seconds, cost=kept.cost, notes=kept.notes, drawn=kept.drawn)


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    samples: dict[str, dict[str, Any]]
    seconds: list[tuple[str, str, str, float]]
    cost: Cost | None
    notes: list[str]
    drawn: list[Drawn]
