"""Measurement of a group of trained runs, from the weights that were kept, without training, and of the players beside them.

What another measurement of a run has by the same metric with the same settings, on the same rollouts, made by the same
versions, is taken from there: a new metric costs what it costs alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from freerun.config.measurement_identity import MEASURED as ASKED
from freerun.config.measurement_identity import MEASURING
from freerun.engine.replicas import Group
from freerun.errors import CorruptRecord
from freerun.execution import trained_runs
from freerun.execution.planned_run import Planned
from freerun.execution.task_data import made_by, worlds
from freerun.measurement import player_measurement
from freerun.measurement.evaluation import MODES, Measured, evaluate
from freerun.measurement.validation_split import exchanged
from freerun.parts import shared_state
from freerun.parts.tasks import SPLITS
from freerun.store import player_records, run_notes
from freerun.store.record_schema import understood
from freerun.store.records import Store

#: What two measurements have to be made by alike, for their numbers to stand in one record.
_ALIKE = ("versions", "arithmetic", "engine", "device", "threads", "data")
Record = dict[str, Any]


def measure(runs: list[Planned], store: Store) -> None:
    """Measure trained runs that go together and write a record for each; of one that diverged, without a number.

    The reference players come first, once for each seed, so that whoever has its record has theirs too. A run that has one is
    not measured again.

    Raises:
        CorruptRecord: if the weights of a run are missing or altered.
        StoreError: if a record cannot be written.
    """
    for run in runs:
        if not player_records.has(store, run.players):
            _play(run, store)
    if unmeasured := [run for run in runs if not (store.path(run.id).exists() and store.has(run.id))]:
        by_updates: dict[int, list[Planned]] = {}
        for run in unmeasured:
            made = trained_runs.updates_made(store, run.trained, run.experiment.training)
            by_updates.setdefault(made, []).append(run)
        for alike in by_updates.values():
            _measure(alike, store)


def _play(run: Planned, store: Store) -> None:
    """Write the record of the players that belong to a run, and leave a note on what could not be measured of them."""
    experiment = run.experiment
    task, span, evaluation = experiment.task, experiment.span, run.measurement.evaluation
    data = worlds([experiment], max(task.length, sum(span)))[experiment.seed]
    if experiment.evaluation.split != "test":
        data = exchanged(task, data)
    record, notes = player_measurement.measured(
        task, data, experiment.seed, span, evaluation["sequences"], evaluation["orbit"], run.measurement.made(), run.players
    )
    for note in notes:
        run_notes.leave(store, run.id, note)
    player_records.write(store, record)


def _measure(runs: list[Planned], store: Store) -> None:
    began = time.perf_counter()
    experiments = [run.experiment for run in runs]
    data = worlds(experiments, max(experiments[0].task.length, sum(experiments[0].span)))
    records = [_begun(run, store.read(run.trained), made_by(run.experiment, data[run.experiment.seed])) for run in runs]
    sound = [r for r, record in enumerate(records) if record["status"] == "done"]
    if sound:
        known = [_known(runs[r], records[r], store) for r in sound]
        metrics = runs[0].measurement.made()
        fresh = {name: metric for name, metric in metrics.items() if not all(name in each["metrics"] for each in known)}
        measured = [Measured() for _ in sound]
        if fresh:
            group = Group([experiments[r] for r in sound], data)
            lessons = trained_runs.restore(group, store, [runs[r].trained for r in sound])
            with shared_state.kept():
                measured = evaluate(group, lessons, fresh)
        for r, numbers, before in zip(sound, measured, known, strict=True):
            records[r] |= _joined(numbers, before, fresh)
    seconds = (time.perf_counter() - began) / len(runs)
    for record in records:
        record["provenance"]["evaluation_seconds"] = seconds
        store.write(record, None)


def _begun(run: Planned, trained: Record, made: dict[str, Any]) -> Record:
    """The record of a measurement without its numbers."""
    return {
        "run": run.id, "of": trained["weights"], "status": trained["status"], "reason": trained["reason"],
        "measuring": MEASURING, "evaluation": _plain(run), "metrics": run.measurement.metrics,
        "series": [], "comparisons": [], "quantities": {}, "sample": None, "provenance": made,
    }  # fmt: skip


def _plain(run: Planned) -> dict[str, Any]:
    return {name: value for name, value in run.tree["evaluation"].items() if name != "warmup"}


def _known(run: Planned, begun: Record, store: Store) -> Record:
    """What another measurement of the run holds of this one, of those that there are the most; of metrics, those alike."""
    best: Record = {"metrics": {}, "series": [], "comparisons": [], "quantities": {}, "sample": None}
    for other in store.measurements(run.id):
        try:
            record = understood(store.body(other), other, store.place(other), whole=True)
        except (FileNotFoundError, CorruptRecord):
            continue
        if _fits(record, begun, run):
            alike = {name: told for name, told in run.measurement.metrics.items() if record["metrics"].get(name) == told}
            if len(alike) > len(best["metrics"]):
                best = {**record, "metrics": alike}
    return best


def _fits(record: Record, begun: Record, run: Planned) -> bool:
    """Whether the numbers of a record were measured on the rollouts of this measurement, and by the same."""
    return (
        all(record.get(key) == begun[key] for key in ("of", "measuring"))
        and all(record["evaluation"].get(name) == run.measurement.evaluation.get(name) for name in ASKED)
        and all(record["provenance"].get(key) == begun["provenance"][key] for key in _ALIKE)
    )


def _joined(numbers: Measured, before: Record, fresh: Iterable[str]) -> Record:
    """The numbers of the fresh metrics with those that were known, in one order whichever they are."""
    taken = set(before["metrics"]).difference(fresh)
    series = [vars(each) for each in numbers.series] + [each for each in before["series"] if each["metric"] in taken]
    compared = [vars(each) for each in numbers.comparisons]
    compared += [each for each in before["comparisons"] if each["metric"] in taken]
    quantities = {name: each.written() for name, each in numbers.quantities.items()}
    quantities |= {name: told for name, told in before["quantities"].items() if name in taken}
    return {
        "series": sorted(series, key=lambda each: (SPLITS.index(each["split"]), MODES.index(each["mode"]), each["metric"])),
        "comparisons": sorted(compared, key=lambda each: (SPLITS.index(each["split"]), each["metric"])),
        "quantities": dict(sorted(quantities.items())),
        "sample": numbers.sample if numbers.series or not taken else before["sample"],
    }
