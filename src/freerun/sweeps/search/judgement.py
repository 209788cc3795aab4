"""Judgement of a trial: the mean of its target over its runs, one a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from freerun.errors import CorruptRecord
from freerun.store.records import Store
from freerun.sweeps.search.target import Target
from freerun.sweeps.search.trials import FAILED, Trial


def judge(trial: Trial, target: Target, store: Store) -> None:
    """Set the value and the state of a trial by the records of its runs.

    A run that diverged makes its trial as bad as can be, one that failed leaves it without a value.

    Raises:
        ConfigError: if the target is not measured on its runs.
    """
    values = []
    for run in trial.runs:
        try:
            record = store.read(run)
        except (FileNotFoundError, CorruptRecord):
            trial.state = FAILED
            return
        value = target.value(record)
        if value is None:
            measured = {(series["metric"], series["mode"], series["split"]) for series in record["series"]}
            target.demand(measured, "these runs")
            value = target.worst
        values.append(value)
    finite = [value for value in values if math.isfinite(value)]
    trial.value = math.fsum(values) / len(values) if len(finite) == len(values) else target.worst
    lost = len(values) - len(finite)
    trial.state = f"{lost} of {len(values)} runs diverged or undefined" if lost else f"{trial.value:.6g}"


def best(trials: Sequence[Trial], target: Target) -> Trial | None:
    """The first of the best trials; None if none has a finite value."""
    known = [trial for trial in trials if trial.value is not None and math.isfinite(trial.value)]
    return (max if target.maximize else min)(known, key=lambda trial: trial.value or 0.0, default=None)
