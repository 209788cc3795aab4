"""Dry run of the evaluation: which metrics a run will have, asked of the rollouts of its first weights.

For whoever must not find out at the end of the first training that nothing measures what he is after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from freerun.config.evaluation_settings import selected
from freerun.config.experiment import Experiment
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group, spread
from freerun.errors import given
from freerun.measurement.evaluation import MEASURED
from freerun.measurement.metrics import Comparison, Metric, Observed
from freerun.measurement.observation import beside_training, observe

#: Metric, mode, split.
Place = tuple[str, str, str]


def measurable(experiment: Experiment, wanted: Place | None = None) -> set[Place]:
    """The (metric, mode, split) of every series that the record of this experiment will have; comparisons are left out.

    The answer is that of weights before training: a metric that applies only to what a trained model does may be missing.

    Args:
        experiment: to be trained.
        wanted: if it is among them nothing else is asked for, and it is returned alone.
    """
    asked = selected(experiment.evaluation, given(experiment.objective).head is not None, experiment.task.recording)
    metrics: dict[str, Metric] = {name: metric for name, metric in asked.items() if not isinstance(metric, Comparison)}
    seen = list(_rollouts(replace(experiment, device="cpu")))
    if (
        wanted
        and wanted[0] in metrics
        and any((mode, rollout.split) == wanted[1:] and metrics[wanted[0]].applies(rollout) for mode, rollout in seen)
    ):
        return {wanted}
    return {
        (name, mode, rollout.split) for mode, rollout in seen for name, metric in metrics.items() if metric.applies(rollout)
    }


@torch.no_grad()
def _rollouts(experiment: Experiment) -> Iterator[tuple[str, Observed]]:
    """The rollouts that the metrics will measure, each with its mode."""
    warmup, horizon = experiment.span
    steps, seed = warmup + horizon, experiment.seed
    group = Group([experiment], {seed: experiment.task.build(seed, max(experiment.task.length, steps))})
    for split in MEASURED:
        index = {seed: spread(len(group.data[seed].splits[split]), experiment.evaluation.sequences)}
        sequences = group.batch(split, index, steps)
        size, seen = sequences.start.shape[1], None
        uniform = group.chance(f"evaluation/{split}", 0, steps, size)
        for mode, mask in (("forced", None), ("free", group.release(steps, size))):
            result = group.roll(group.weights(), sequences, mask, uniform)
            seen = observe(group, 0, result, sequences, uniform, split=split, mask=mask, forced=seen)
            yield mode, seen
        if split == "test":
            for mode, (beside,) in beside_training(group, Lessons(group), sequences, uniform).items():
                yield mode, beside
