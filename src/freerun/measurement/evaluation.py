"""Evaluation of a trained group: {forced, free} x {train, test}.

The table is always whole: {forced, free} x {train, test}, step by step, on the same sequences with the same warm-up and the
same random draws. Where an evaluation asks for the validation split, that stands in the place of the test split.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import torch

from freerun.config.evaluation_settings import selected
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group, spread
from freerun.measurement.long_orbits import follow
from freerun.measurement.metrics import Comparison, Metric, Observed, Orbit, checked, private
from freerun.measurement.observation import Known, beside_training, observe, prepared
from freerun.measurement.validation_split import measured_there
from freerun.store.quantity import Quantity

#: The splits and the modes that are measured.
MEASURED, MODES = ("train", "test"), ("forced", "free")


@dataclass(kw_only=True)
class Series:
    """One metric of one run in one mode on one split.

    Attributes:
        first: the lead time of the first value, in steps since the release (1: the first prediction after it); 0 for a value
            of the whole rollout.
        values: one for each step; None where undefined.
    """

    split: str
    mode: str
    metric: str
    unit: str
    first: int
    values: list[float | None]


@dataclass(kw_only=True)
class Compared:
    """One comparison of the free rollout of a run with the forced one, on one split.

    Attributes:
        first, values: as in `Series`.
        low, high: the interval of each value as an estimate, for this run alone; None where it is exact.
    """

    split: str
    metric: str
    unit: str
    first: int
    values: list[float | None]
    low: list[float | None] | None = None
    high: list[float | None] | None = None


@dataclass(kw_only=True)
class Measured:
    """Everything measured on one run, the quantities of its numbers by metric, and the sample that the task shows of it."""

    series: list[Series] = field(default_factory=list)
    comparisons: list[Compared] = field(default_factory=list)
    quantities: dict[str, Quantity] = field(default_factory=dict)
    sample: dict[str, Any] | None = None


@torch.no_grad()
def evaluate(group: Group, lessons: Lessons | None = None, asked: Mapping[str, Metric] | None = None) -> list[Measured]:
    """Measure every run of a group with every metric that applies.

    Args:
        lessons: what the group was shown; None for a group that was not trained.
        asked: the metrics by name; None for those that the evaluation of the runs asks for.
    """
    held_out = group.experiments[0].evaluation.split
    if held_out != "test":
        group = measured_there(group)
    if asked is None:
        asked = selected(group.experiments[0].evaluation, group.head is not None, group.experiments[0].task.recording)
    metrics = {name: metric for name, metric in asked.items() if not isinstance(metric, Comparison)}
    comparisons = {name: metric for name, metric in asked.items() if isinstance(metric, Comparison)}
    measured = [Measured() for _ in group.experiments]
    weights = group.weights()
    steps = group.warmup + group.horizon
    for split in MEASURED:
        wanted = group.experiments[0].evaluation.sequences
        index = {seed: spread(len(group.data[seed].splits[split]), wanted) for seed in group.seeds}
        sequences = group.batch(split, index, steps)
        size = sequences.start.shape[1]
        uniform = group.chance(f"evaluation/{split}", 0, steps, size)
        forced: list[Observed | None] = [None] * len(measured)
        known: Known = {}
        for mode, mask in zip(MODES, (None, group.release(steps, size)), strict=True):
            result = group.roll(weights, sequences, mask, uniform)
            observed = [
                observe(group, r, result, sequences, uniform, split=split, mask=mask, forced=forced[r])
                for r in range(len(measured))
            ]
            _measure(measured, group, observed, metrics, known, split, mode)
            forced = list(observed)
        if split == "test":
            shown = {name: metric for name, metric in metrics.items() if metric.of_training}
            for mode, beside in beside_training(group, lessons or Lessons(group), sequences, uniform).items():
                _measure(measured, group, beside, shown, known, split, mode)
            orbits = cache(partial(follow, group))
            for r, rollout in enumerate(observed):
                rollout.long_orbit = partial(_of_run, orbits, r)
        for name, comparison in comparisons.items() if split == "test" else ():
            for run, seen in zip(measured, prepared(group, comparison, observed, known), strict=True):
                if seen is not None:
                    quantity = comparison.quantity_of(seen).named(name)
                    run.comparisons.append(_compared(seen, quantity, comparison))
                    run.quantities.setdefault(name, quantity)
        if split == "test" and held_out == "test":
            for run, seen in zip(measured, observed, strict=True):
                seen.index = index[seen.experiment.seed].cpu()
                run.sample = _plain(seen.experiment.task.show(seen))
    for run in measured:
        _said_of(run.series, held_out)
        _said_of(run.comparisons, held_out)
    return measured


def _measure(
    measured: list[Measured],
    group: Group,
    observed: list[Observed],
    metrics: dict[str, Metric],
    known: Known,
    split: str,
    mode: str,
) -> None:
    """Every metric that applies, for each run, with what it means."""
    for name, metric in metrics.items():
        for run, seen in zip(measured, prepared(group, metric, observed, known), strict=True):
            if seen is not None:
                quantity = metric.quantity_of(seen).named(name)
                values = _defined(metric.measure(private(metric, seen)), metric, name)
                unit, first = quantity.unit, int(metric.per == "step")
                run.series.append(Series(split=split, mode=mode, metric=name, unit=unit, first=first, values=values))
                run.quantities.setdefault(name, quantity)


def _said_of(rows: Sequence[Series] | Sequence[Compared], held_out: str) -> None:
    """Say of which split the rows of the test split really are."""
    for row in rows:
        row.split = held_out if row.split == "test" else row.split


def _of_run(orbits: Callable[[], list[Orbit | None]], r: int) -> Orbit | None:
    return orbits()[r]


def _plain(tree: Any) -> Any:
    """A sample as JSON can hold it: numbers that are not finite become None."""
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(value) if type(value) is not float else value if math.isfinite(value) else None for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


def _compared(observed: Observed, quantity: Quantity, comparison: Comparison) -> Compared:
    first, values = (
        int(comparison.per == "step"),
        _defined(comparison.measure(private(comparison, observed)), comparison, quantity.name),
    )
    compared = Compared(split=observed.split, metric=quantity.name, unit=quantity.unit, first=first, values=values)
    interval = comparison.interval(private(comparison, observed))
    return (
        compared
        if interval is None
        else replace(
            compared,
            low=_defined(interval[0], comparison, quantity.name),
            high=_defined(interval[1], comparison, quantity.name),
        )
    )


def _defined(values: torch.Tensor, metric: Metric, name: str) -> list[float | None]:
    """The values; None where undefined."""
    return [value if math.isfinite(value) else None for value in checked(values, metric, name).tolist()]
