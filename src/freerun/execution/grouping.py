"""Grouping of runs that train, and are measured, together.

Runs that differ in nothing but seed, regime, learning rate, weight decay, momentum, clipping and the weights that they start
from fill one set of batched products. Those that are fed in another way keep to themselves, for a run must give the same bits
in any group: the feeder of its regime says by a key with which others a run may train.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Callable, Hashable

from freerun.execution.planned_run import Planned

#: What may differ inside a group.
FREE = ("seed", "regime")
FREE_TRAINING = ("lr", "weight_decay", "momentum", "clip", "start", "content", "recipe")


def groups(runs: list[Planned], limit: int, room: Callable[[Planned], int] | None = None) -> list[list[Planned]]:
    """Split runs into groups of at most `limit`, the most expensive group first.

    Args:
        runs: to be done.
        limit: most runs of a group.
        room: returns how many runs like a given one fit a worker's memory; None for no limit.
    """
    runs_by_key: dict[Hashable, list[Planned]] = {}
    for run in runs:
        runs_by_key.setdefault(_key(run), []).append(run)
    pieces = []
    for alike in runs_by_key.values():
        most = limit if room is None else max(1, min(limit, room(alike[0])))
        pieces += [alike[i : i + most] for i in range(0, len(alike), most)]
    return sorted(pieces, key=_cost, reverse=True)


def spread(
    pieces: list[list[Planned]], count: int, size: Callable[[list[Planned]], float] = len, most: float = math.inf
) -> list[list[Planned]]:
    """Return groups of which the largest are halved until there are enough and none is too large, or all are single runs.

    Args:
        pieces: groups; they stay as they are where nothing has to be halved, else the largest come first.
        count: how many there have to be at least.
        size: of a group.
        most: the size above which a group is too large.
    """
    whole = [piece for piece in pieces if len(piece) < 2]
    heap = [(-size(piece), number, piece) for number, piece in enumerate(pieces) if len(piece) > 1]
    heapq.heapify(heap)
    number, halved = len(pieces), False
    while heap and (len(whole) + len(heap) < count or -heap[0][0] > most):
        _, _, first = heapq.heappop(heap)
        for half in (first[: len(first) // 2], first[len(first) // 2 :]):
            number, halved = number + 1, True
            if len(half) > 1:
                heapq.heappush(heap, (-size(half), number, half))
            else:
                whole.append(half)
    return sorted([*whole, *(piece for _, _, piece in sorted(heap))], key=size, reverse=True) if halved else pieces


def _key(run: Planned) -> Hashable:
    tree = {key: value for key, value in run.tree.items() if key not in FREE}
    tree["training"] = {key: value for key, value in tree["training"].items() if key not in FREE_TRAINING}
    return json.dumps([tree, run.measurement.metrics, run.train], sort_keys=True), run.experiment.regime.feeder().key


def _cost(group: list[Planned]) -> float:
    experiment = group[0].experiment
    path = 1 if experiment.regime.feeder().forced else 3
    return len(group) * path * experiment.training.end * experiment.task.length
