"""Dry run of the evaluation: which metrics a run will have, asked of the rollouts of its first weights.

For whoever must not find out at the end of the first training that nothing measures what he is after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial

import torch

from freerun.config.evaluation_settings import selected
from freerun.config.experiment import Experiment
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group, spread
from freerun.errors import given
from freerun.measurement.evaluation import MEASURED
from freerun.measurement.long_orbits import follow
from freerun.measurement.metrics import Comparison, Metric, Observed, Orbit
from freerun.measurement.observation import beside_training, observe
from freerun.measurement.validation_split import measured_there
from freerun.store.record_types import BOTH_MODES

#: Metric, mode, split.
Place = tuple[str, str, str]


def measurable(experiment: Experiment, wanted: Place | None = None) -> set[Place]:
    """The (metric, mode, split) of every number that the record of this experiment will have; `compared` is the mode of both.

    The answer is that of weights before training: a metric that applies only to what a trained model does may be missing, and
    so may be one of long closed loops, which are followed only if it is `wanted`.

    Args:
        experiment: to be trained.
        wanted: if it is among them nothing else is asked for, and it is returned alone.
    """
    asked = selected(experiment.evaluation, given(experiment.objective).head is not None, experiment.task.recording)
    seen = list(_rollouts(replace(experiment, device="cpu"), orbits=wanted is not None and wanted[1] == BOTH_MODES))
    if wanted and wanted[0] in asked and wanted in _places(experiment, {wanted[0]: asked[wanted[0]]}, seen):
        return {wanted}
    return set(_places(experiment, asked, seen))


def _places(experiment: Experiment, metrics: dict[str, Metric], seen: list[tuple[str, Observed]]) -> Iterator[Place]:
    """Where each of some metrics has numbers."""
    held_out = {"test": experiment.evaluation.split}
    for mode, rollout in seen:
        both = mode == "free" and rollout.split == "test" and rollout.training is None
        for name, metric in metrics.items():
            compares = isinstance(metric, Comparison)
            if (both or not compares) and metric.applies(rollout):
                yield name, BOTH_MODES if compares else mode, held_out.get(rollout.split, rollout.split)


@torch.no_grad()
def _rollouts(experiment: Experiment, *, orbits: bool) -> Iterator[tuple[str, Observed]]:
    """The rollouts that the metrics will measure, each with its mode; with `orbits` long ones, for those that look at them."""
    warmup, horizon = experiment.span
    steps, seed = warmup + horizon, experiment.seed
    group = Group([experiment], {seed: experiment.task.build(seed, max(experiment.task.length, steps))})
    if experiment.evaluation.split != "test":
        group = measured_there(group)
    for split in MEASURED:
        index = {seed: spread(len(group.data[seed].splits[split]), experiment.evaluation.sequences)}
        sequences = group.batch(split, index, steps)
        size, seen = sequences.start.shape[1], None
        uniform = group.chance(f"evaluation/{split}", 0, steps, size)
        for mode, mask in (("forced", None), ("free", group.release(steps, size))):
            result = group.roll(group.weights(), sequences, mask, uniform)
            seen = observe(group, 0, result, sequences, uniform, split=split, mask=mask, forced=seen)
            if orbits and split == "test" and mode == "free":
                seen.long_orbit = cache(partial(_orbit, group))
            yield mode, seen
        if split == "test":
            for mode, (beside,) in beside_training(group, Lessons(group), sequences, uniform).items():
                yield mode, beside


def _orbit(group: Group) -> Orbit | None:
    return follow(group)[0]
