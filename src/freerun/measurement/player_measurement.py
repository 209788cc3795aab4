"""Measurement of the reference players of a task, on the sequences of its runs, with their warm-up, horizon and metrics.

Every headline is measured, and every other measure of a single rollout that is no mere diagnostic. A further rollout that a
headline asks for is played too. Left out is what explains a trained model: other comparisons, distances from training, the
growth of neighbours in a long closed loop. A plugin's metric that fails on a player is left out there, and said: it may well
measure the runs, which shall not fail for a player.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from copy import copy
from typing import Literal

import msgspec
import numpy as np
import torch

from freerun.engine.replicas import spread
from freerun.errors import given
from freerun.measurement.metrics import Comparison, Metric, Observed, checked, private
from freerun.measurement.players import WORSE, Player, best, playing
from freerun.parts.part_source import source_of
from freerun.parts.tasks import Data, Task
from freerun.random_streams import stream
from freerun.store.player_records import Level, Players
from freerun.store.quantity import Quantity

#: Of a measure with a value for each step, so many leads are kept beside the mean.
LEADS = 24


@torch.no_grad()
def measured(
    task: Task, data: Data, seed: int, span: tuple[int, int], sequences: int, orbit: int, metrics: Mapping[str, Metric],
    identity: str,
) -> tuple[Players, list[str]]:  # fmt: skip
    """The record of all players of a task, and a note on each metric of a plugin that fails on some of them.

    Args:
        task: with its `data` of one seed, in sequences of at least warm-up and horizon.
        data: as runs are measured on.
        seed: of the data.
        span: warm-up and horizon, in steps.
        sequences: of the test split, as many as runs are measured on.
        orbit: steps of a long closed loop; 0 for none.
        metrics: by name.
        identity: of the record.
    """
    part = data.splits["test"]
    chosen = part.take(spread(len(part), sequences), sum(span))
    if any(metric.of_distributions for metric in metrics.values()):
        # the loss of the runs is then a likelihood, which who is sure of a value has none of
        metrics = {name: metric for name, metric in metrics.items() if not metric.of_objective}
    players, levels, meant = playing(task, data, span[0]), [], dict[str, Quantity]()
    faults: dict[str, list[str]] = {}
    for player in players:
        _, free = player.play(task, data, chosen, span[0], _chance(seed, player, "rollout"), orbit)
        for name, metric in metrics.items():
            try:
                levels += _levels(player, name, metric, free, seed, meant)
            except (Exception, SystemExit) as fault:
                if source_of(metric) is None or isinstance(fault, MemoryError):
                    raise
                faults.setdefault(name, []).append(f"{type(fault).__name__}: {fault}")
    record = Players(
        players=identity,
        names=[player.name for player in players],
        degenerate=[player.name for player in players if player.stands == WORSE],
        ignorant=[player.name for player in players if player.ignorant],
        best=first.name if (first := best(players)) else "",
        levels=levels,
        quantities=msgspec.Raw(json.dumps({name: meant[name].written() for name in sorted(meant)}, allow_nan=False).encode()),
    )
    return record, [
        f"metric {name} fails on {len(reasons)} of {len(players)} reference players, which are told of without it: {reasons[0]}"
        for name, reasons in faults.items()
    ]


def further(player: Player, metric: Metric, free: Observed, seed: int) -> Observed:
    """A free rollout with the further one that a metric asks for, played by the same player; one for all that ask for it."""
    asked = metric.asks(free)
    if asked is None:
        return free
    task, data = free.experiment.task, free.data

    def rolled() -> Observed:
        return player.further(task, data, asked.sequences, asked.release, _chance(seed, player, asked.name))

    beside = copy(free)
    beside.further = free.once(f"player/{asked.name}", rolled)
    return beside


def _chance(seed: int, player: Player, name: str) -> np.random.Generator:
    return stream(seed, f"players/{player.name}/{name}")


def _levels(player: Player, name: str, metric: Metric, free: Observed, seed: int, meant: dict[str, Quantity]) -> list[Level]:
    """What a player has by one metric, in both modes or compared; nothing where it is not measured."""
    if metric.of_training or not metric.applies(free):
        return []
    means = metric.quantity_of(free).named(name)
    if isinstance(metric, Comparison):
        if means.part != "headline":
            return []
        compared = _compared(player, means, metric, further(player, metric, free, seed))
        meant[name] = means
        return [compared]
    if means.part == "diagnostic" or metric.asks(free) is not None:
        return []
    rows = [checked(metric.measure(private(metric, seen)), metric, name) for seen in (given(free.forced), free)]
    meant[name] = means
    steps, columns = _kept(metric, rows, _mean(rows, means))
    modes: tuple[Literal["forced", "free"], ...] = ("forced", "free")
    return [
        Level(player=player.name, mode=mode, metric=name, unit=means.unit, steps=steps, values=column)
        for mode, column in zip(modes, columns, strict=True)
    ]


def _compared(player: Player, means: Quantity, metric: Comparison, free: Observed) -> Level:
    ends = metric.interval(private(metric, free))
    rows = [checked(values, metric, means.name) for values in (metric.measure(private(metric, free)), *(ends or ()))]
    steps, (values, *sides) = _kept(metric, rows, [_mean([row], means)[0] for row in rows])
    low, high = sides or (None, None)
    return Level(
        player=player.name, mode="compared", metric=means.name, unit=means.unit, steps=steps, values=values, low=low, high=high
    )


def _mean(rows: list[torch.Tensor], means: Quantity) -> list[float]:
    """The mean of each row over the same steps, those at which all are defined; as `analysis.tables.gap.over_horizon`."""
    table = torch.stack([row.double() for row in rows])
    defined = table.isfinite()
    both, either = defined.all(0), defined.any(0)
    if not bool(both.any()) or (means.conditioned is None and bool((both != either).any())):
        return [math.nan] * len(rows)
    return [float(value) for value in table[:, both].mean(1)]


def _kept(metric: Metric, rows: list[torch.Tensor], means: list[float]) -> tuple[list[int], list[list[float | None]]]:
    """The steps that are kept, and the values of each row there: the mean alone, or with it some leads."""
    if metric.per == "rollout":
        places, steps = [0], [0]
        columns = [[float(row[0])] for row in rows]
    else:
        places = spread(len(rows[0]), LEADS).tolist()
        steps = [0, *(place + 1 for place in places)]
        columns = [[mean, *(float(row[place]) for place in places)] for row, mean in zip(rows, means, strict=True)]
    return steps, [[value if math.isfinite(value) else None for value in column] for column in columns]
