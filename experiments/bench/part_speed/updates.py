"""Timed updates of the benchmark of parts, in a process of their own, which imports whatever Freerun PYTHONPATH holds.

Reads a line ``NUMBER TIMES`` of what to do and answers with the processor time that it took, in seconds. What is timed is named
by words of a command line, so that the same file times an older commit too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

LOGGED = 5


@dataclass(frozen=True)
class Work:
    """Groups of runs that make an update each, one after the other.

    Attributes:
        groups: for each group the words of its kinds of run.
        runs: of each kind, a seed each.
        engine: which computes them.
        whole: whether the loop of training is timed, with a point of the curves every 5 updates, and not the update alone.
    """

    groups: tuple[tuple[tuple[str, ...], ...], ...]
    runs: int
    engine: str
    whole: bool = False


def made(work: Work, worlds: dict[Any, Any]) -> Callable[[], None]:
    """Return what makes one update of every group (or `LOGGED` of them, with a point of the curves)."""
    from freerun.config.hydra.compose import experiments
    from freerun.engine import engine_choice
    from freerun.engine.feeding import Lessons
    from freerun.engine.replicas import Group
    from freerun.engine.training import Trainer, train

    engine_choice.use(work.engine)
    calls: list[Callable[[int], Any]] = []
    for kinds in work.groups:
        made_runs = [
            replace(experiments(list(words), sweep=False)[0], seed=seed) for words in kinds for seed in range(work.runs)
        ]
        task = made_runs[0].task
        for seed in range(work.runs):
            if (repr(task), seed) not in worlds:
                worlds[repr(task), seed] = task.build(seed, max(task.length, sum(made_runs[0].span)))
        group = Group(made_runs, {seed: worlds[repr(task), seed] for seed in range(work.runs)})
        once: Callable[[int], Any] = Trainer(group, Lessons(group)).update
        calls.append((lambda _, group=group: train(group)) if work.whole else once)  # type: ignore[misc]
    return partial(_update, calls, iter(range(10**9)), work.engine)


def _update(calls: list[Callable[[int], Any]], updates: Any, engine: str) -> None:
    from freerun.engine import engine_choice

    engine_choice.use(engine)
    update = next(updates)
    for call in calls:
        call(update)


def main() -> None:
    """Answer until the input ends."""
    from freerun.execution.group_runner import prepare

    prepare()
    works = [Work(**spec) for spec in json.loads(input())]
    ready: dict[int, Callable[[], None]] = {}
    worlds: dict[Any, Any] = {}
    for line in sys.stdin:
        number, times = map(int, line.split())
        if number not in ready:
            ready[number] = made(works[number], worlds)
            ready[number]()
        began = time.process_time()
        for _ in range(times):
            ready[number]()
        print((time.process_time() - began) / times, flush=True)


if __name__ == "__main__":
    main()
