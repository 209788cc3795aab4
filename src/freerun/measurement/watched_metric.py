"""Watched metric: what the metric by which weights are chosen, or a run is ended, is while a group trains."""

from __future__ import annotations

import math

import torch

from freerun.config.watched_curve import MODES, OBJECTIVE, WatchedCurve, unwatchable
from freerun.engine.replicas import Group
from freerun.engine.validation import Validation, validation
from freerun.errors import ConfigError
from freerun.measurement.metrics import Metric, Observed, checked, private
from freerun.measurement.observation import observe, prepared
from freerun.parts import registry


@torch.no_grad()
def measured(seen: Validation, curve: WatchedCurve) -> list[float]:
    """Return the mean of the watched metric over the steps for which it is defined, of every run; NaN where there are none."""
    metric: Metric = registry.get("metric", curve.metric)()
    means = []
    for own in prepared(seen.group, metric, observed(seen, str(curve.mode)), {}):
        values = [] if own is None else checked(metric.measure(private(metric, own)), metric, curve.metric).tolist()
        defined = [value for value in values if math.isfinite(value)]
        means.append(math.fsum(defined) / len(defined) if defined else math.nan)
    return means


def observed(seen: Validation, mode: str) -> list[Observed]:
    """Return what a metric gets to see of every run in a mode; beside the free rollout, the forced one."""
    runs = range(len(seen.group.experiments))
    rollouts: list[Observed] = []
    for name in MODES[: MODES.index(mode) + 1]:
        mask, result, before = seen.masks[name], seen.rollouts[name], rollouts
        rollouts = [
            observe(
                seen.group, r, result, seen.sequences, seen.uniform,
                split=seen.split, mask=mask, forced=before[r] if before else None,
            )
            for r in runs
        ]  # fmt: skip
    return rollouts


def demand_measurable(group: Group) -> None:
    """Refuse, before a group is trained, to watch a metric that is not measured on its task in the watched mode.

    Raises:
        ConfigError: naming the metrics that are.
    """
    curve = group.settings.watched
    if not curve.measured:
        return
    own = observed(validation(group, str(curve.split)), str(curve.mode))[0]
    known: dict[str, type[Metric]] = registry.parts("metric")
    ranking = {name: metric() for name, metric in known.items() if name != OBJECTIVE and not unwatchable(metric)}
    fits = [name for name, metric in ranking.items() if metric.applies(own)]
    if curve.metric not in fits:
        name = registry.name_of(own.experiment.task)
        told = f"{curve.metric} is not measured on task {name} while it trains; choose one of: {', '.join([*fits, OBJECTIVE])}"
        raise ConfigError(f"training.watch={curve.name}: {told}")
