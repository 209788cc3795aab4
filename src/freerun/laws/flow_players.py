"""Law of the players of flows: no degenerate forecaster wins under the headlines of a task together.

A forecast that makes a fresh error at every step, and none that hang together, is the best that a model can be. Under each set
of headlines a degenerate player must be worse than it somewhere, by more than both intervals; else the set rewards it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from freerun.laws.toolkit import demand
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Metric, Observed
from freerun.measurement.players.flows import FlowPlayer, NoisyFlow, degenerate
from freerun.parts import registry
from freerun.parts.tasks import Task
from freerun.parts.tasks._flows import Flow
from freerun.random_streams import stream

#: Sequences of each rollout.
SEQUENCES = 64
#: The free rollouts of every player by its name, one a seed; the noisy truth comes first.
Rollouts = dict[str, list[Observed]]


def played(task: Flow, error: float, seeds: int = 3) -> Rollouts:
    """The free rollouts of the noisy truth and of every degenerate player.

    Args:
        error: of a fresh step, in standard deviations of the data.
    """
    task = replace(task, sequences=4 * SEQUENCES)
    warmup = task.own_warmup
    steps = warmup + (task.default_horizon or task.length)
    players: list[FlowPlayer] = [NoisyFlow(error=error), *degenerate(error)]
    rollouts: Rollouts = {player.name: [] for player in players}
    for seed in range(seeds):
        data = task.build(seed, max(task.length, steps))
        sequences = data.splits["test"].take(torch.arange(SEQUENCES), steps)
        for player in players:
            _, free = player.play(task, data, sequences, warmup, stream(seed, f"players/{player.name}"))
            rollouts[player.name].append(free)
    return rollouts


def headlines(task: Task, seen: Observed) -> list[Metric]:
    """The metrics that judge a free rollout of a task."""
    metrics: list[Metric] = [metric() for metric in registry.parts("metric").values()]
    return [metric for metric in metrics if metric.applies(seen) and metric.quantity_of(seen).part == "headline"]


def level(metric: Metric, rollouts: Sequence[Observed]) -> tuple[float, float]:
    """The mean of a measure over rollouts, of its logarithm for an error on a ratio scale, and half its 95 % interval."""
    values = torch.stack([metric.measure(seen).nanmean() for seen in rollouts]).double()
    if metric.quantity.ratio:
        values = values.clamp(min=1e-12).log2()
    mean = values.mean()
    return float(mean), float(half_width((values - mean)[None]))


def law_no_degenerate_player_wins(metrics: Sequence[Metric], rollouts: Rollouts) -> None:
    """Every degenerate player is worse than the noisy truth under some metric of a set, by more than both intervals."""
    truth, *degenerate_names = rollouts
    best = [level(metric, rollouts[truth]) for metric in metrics]
    for name in degenerate_names:
        margins = []
        for metric, (top, reach) in zip(metrics, best, strict=True):
            mean, half = level(metric, rollouts[name])
            margins.append(metric.quantity.sign * (top - mean) - reach - half)
        largest = max((margin for margin in margins if math.isfinite(margin)), default=-math.inf)
        margins_told = ", ".join(
            f"{type(metric).__name__} by {margin:.3g}" for metric, margin in zip(metrics, margins, strict=True)
        )
        demand(largest > 0, f"{name} is worse than the {truth} by more than both intervals nowhere: {margins_told}")
