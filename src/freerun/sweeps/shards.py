"""Shards: the parts of a study that machines without a common disk do, one each.

A study is divided by its plan alone: by which runs it has and what they are expected to cost, never by what is done already,
nor by the machine. So every machine divides it alike, and `freerun.sweeps.merging` unites what they did.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from freerun.execution.grouping import groups, spread
from freerun.execution.planned_run import Planned
from freerun.execution.time_estimate import Costs
from freerun.store.results_folder import folder_name
from freerun.store.study_file import part_name
from freerun.sweeps.study import Study

#: Most runs of a group that is not divided further. No setting, for then two machines could divide a study differently.
GROUP = 32


class Shard(NamedTuple):
    """Which part of how many, from 1 on."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"part {self.number} of {self.of}"


def part(study: Study, shard: Shard, parts: Sequence[int] | None = None) -> Study:
    """Return the part of a study that a shard does, as a study with a name of its own.

    Args:
        study: the whole.
        shard: which part.
        parts: the number of the part of each run of the whole; None to divide it.

    Raises:
        ConfigError: if the name of the study leaves no room for that of its parts.
    """
    parts = divided(study.runs, shard.of) if parts is None else parts
    return replace(
        study,
        name=folder_name(part_name(study.name, *shard)),
        runs=[run for run, number in zip(study.runs, parts, strict=True) if number == shard.number],
        title=f"{study.info()['title']} ({shard})",
        command=f"{study.command} --shard {shard.number}/{shard.of}",
        part={"number": shard.number, "of": shard.of, "parts": list(parts), "whole": study.info()},
    )


def divided(runs: Sequence[Planned], of: int) -> list[int]:
    """Return the number of the part, from 1 to `of`, that each run belongs to.

    Groups stay together as long as no part is without one and none costs more than its share. All measurements of a trained run
    are in one part, so that it is trained once.
    """
    costliest: dict[str, Planned] = {}
    cost: dict[str, float] = {}
    expected = Costs()  # of which no record is known: what was done before does not count
    for run in runs:
        seconds, _ = expected.seconds(run)
        if seconds > cost.get(run.trained, -math.inf):
            costliest[run.trained], cost[run.trained] = run, seconds

    def seconds_of(piece: Sequence[Planned]) -> float:
        return math.fsum(cost[run.trained] for run in piece)

    share = math.fsum(cost.values()) / of
    pieces = spread(groups(list(costliest.values()), GROUP), of, seconds_of, share)
    numbers = assigned([seconds_of(piece) for piece in pieces], of)
    part_of = {run.trained: number for piece, number in zip(pieces, numbers, strict=True) for run in piece}
    return [part_of[run.trained] for run in runs]


def assigned(costs: Sequence[float], of: int) -> list[int]:
    """Return the number of the part, from 1 to `of`, of each piece: the costliest first, always to the part with the least.

    No part then costs more than the mean of all and the costliest piece together.

    Args:
        costs: of the pieces, in seconds.
        of: how many parts there are.
    """
    parts = [(0.0, 0, number) for number in range(1, of + 1)]  # what it costs, how many pieces it has
    numbers = [0] * len(costs)
    for piece in sorted(range(len(costs)), key=lambda piece: -costs[piece]):
        cost, count, number = parts[0]
        heapq.heapreplace(parts, (cost + costs[piece], count + 1, number))
        numbers[piece] = number
    return numbers
