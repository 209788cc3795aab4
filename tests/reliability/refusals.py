"""Refusals of a disk, at any operation: exit code 3, one line, and no record is lost."""

from __future__ import annotations

import random
from collections.abc import Iterator

from reliability.crashes import operations
from reliability.sweeps import (
    REFUSALS,
    Operations,
    bodies,
    demand_kept,
    ended,
    folder,
    fork,
    refuse,
    resumed,
    sweep,
    tables,
    undisturbed,
)


def cases(seed: int, count: int) -> Iterator[tuple[str, int, bool]]:
    """What is refused, at which operation, and whether from then on always."""
    chance = random.Random(seed)
    for number in range(count):
        yield list(REFUSALS)[number % len(REFUSALS)], chance.randint(1, operations()), chance.random() < 0.5


def check(case: tuple[str, int, bool]) -> None:
    """Refuse, look at what is there, go on, compare.

    Exit code 0 is right where the sweep could do without: the index and signs of life are disposable.
    """
    what, point, sticky = case
    expected, records = undisturbed()
    with folder() as place:
        (place / "results").mkdir()
        end = ended(fork(lambda: sweep(place), Operations(place, point, refuse(REFUSALS[what]), sticky=sticky).watch))
        lines = [line for line in end.said.splitlines() if line]
        if end.code == 0:
            assert tables(place) == expected
            assert bodies(place) == records
        else:
            assert end.code == 3, end
            assert len(lines) == 1, end
            assert len(lines[0]) <= 300, end
            assert lines[0].startswith("freerun: "), end
        demand_kept(bodies(place), records)
        resumed(place)
