"""Watched curves of a plan: a metric that a task does not measure is refused before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from freerun.config.run_identity import sources
from freerun.execution.planned_run import Planned

#: What was looked at in this process, and is measured.
_MEASURED: set[str] = set()


def demand(runs: Iterable[Planned]) -> None:
    """Refuse a run that watches a metric which is not measured on its task, by the rollouts of its first weights.

    One run of each task, model, objective and curve is looked at. What has parts from plugins is not, for they may do anything:
    it is refused where its training starts.

    Raises:
        ConfigError: naming the metrics that are measured.
    """
    for run in runs:
        experiment = run.experiment
        if not experiment.training.watched.measured or sources(run.tree) or run.measurement.sources:
            continue
        asked = repr([run.tree[key] for key in ("task", "model", "objective")] + [experiment.span, experiment.training.watch])
        if asked in _MEASURED:
            continue
        from freerun.engine.replicas import Group
        from freerun.measurement.watched_metric import demand_measurable

        alone = replace(experiment, device="cpu")
        demand_measurable(Group([alone], {alone.seed: alone.task.build(alone.seed, alone.task.length)}))
        _MEASURED.add(asked)
