"""Orders of runs: added, removed or permuted, with other workers and groups, each has the same record."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from reliability.sweeps import bodies, ended, folder, fork, study

WORLD = [
    "task.sequences=16",
    "task.length=8",
    "evaluation.warmup=2",
    "evaluation.sequences=8",
    "training.updates=4",
    "training.batch=4",
]
SWEEPS = [
    ["task=hidden_markov", "model=gru,hidden_recurrent", "regime=teacher_forcing,scheduled_sampling,free_running"],
    ["task=lorenz63", "model=lstm", "regime=teacher_forcing,sparse_forcing", "evaluation.orbit=0"],
]


@dataclass(frozen=True)
class Case:
    """Some of the runs in some order, in groups of some size, on so many workers."""

    runs: tuple[int, ...]
    group: int
    workers: int


@cache
def pool():
    """The runs that are drawn from."""
    from freerun.sweeps import study as studies

    found = [
        studies.adhoc([*words, *WORLD, "model.hidden=3", "seed=range(4)", "training.lr=1e-3,3e-2"], sweep=True)
        for words in SWEEPS
    ]
    return replace(found[0], runs=[run for each in found for run in each.runs])


@cache
def alone() -> dict[str, dict]:
    """Every run trained alone."""
    with folder() as place:
        assert ended(fork(lambda: _do(place, pool().runs, 1, 1)), 600).code == 0
        return bodies(place)


def cases(seed: int, count: int, workers: tuple[int, ...] = (1,)) -> Iterator[Case]:
    """Random selections; the number of workers goes round."""
    chance, size = random.Random(seed), len(pool().runs)
    for number in range(count):
        runs = tuple(chance.sample(range(size), chance.randint(2, 12)))
        yield Case(runs=runs, group=chance.randint(1, 12), workers=workers[number % len(workers)])


def check(case: Case) -> None:
    """Train them so, and compare with each alone."""
    runs = [pool().runs[number] for number in case.runs]
    with folder() as place:
        end = ended(fork(lambda: _do(place, runs, case.group, case.workers)), 300)
        assert end.code == 0, end
        assert bodies(place) == {run.id: alone()[run.id] for run in runs}


def _do(place, runs, group: int, workers: int) -> int:
    from freerun.execution import launchers
    from freerun.store import results_folder
    from freerun.sweeps import sweep

    asked = replace(study(), runs=list(runs), name="some")
    name = "inline" if workers == 1 else "local"
    launcher, _ = launchers.choose([f"launcher={name}"], {"group": group} | ({} if workers == 1 else {"workers": workers}))
    where = results_folder.Place(results=place / "results")
    return sweep.settle(sweep.do(asked, where, launcher), where, asked.name)
