"""Merges of three parts of a sweep that are stopped or refused at an operation on files: the same command goes on."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from reliability.sweeps import (
    REFUSALS,
    Operations,
    bodies,
    demand_kept,
    die,
    ended,
    folder,
    fork,
    refuse,
    study,
    tables,
    undisturbed,
    whole,
)

PARTS = 3


@cache
def parts() -> dict[str, bytes]:
    """The files of the results of each part, by their place in a folder."""
    with folder() as place:
        for number in range(1, PARTS + 1):
            end = ended(fork(lambda number=number: _do(place, number)))
            assert end.code == 0, end
        return _files(place)


@cache
def operations() -> int:
    """How many operations on files a merge does."""
    with folder() as place:
        _lay(place)
        seen = Operations(place / "results")

        def work() -> int:
            code = merge(place)
            (place / "count").write_text(str(seen.count))
            return code

        assert ended(fork(work, seen.watch)).code == 0
        return int((place / "count").read_text())


def cases(seed: int, count: int) -> Iterator[tuple[str, int]]:
    """How it is stopped, and at which operation: killed every other time."""
    chance, last = random.Random(seed), operations()
    for number in range(count):
        how = "killed" if number % 2 else list(REFUSALS)[number // 2 % len(REFUSALS)]
        yield how, 1 if number < 2 else last if number < 4 else chance.randint(1, last)


def check(case: tuple[str, int]) -> None:
    """Stop it, look at what is there, go on, compare with the sweep that nothing happened to."""
    how, point = case
    _, records = undisturbed()
    with folder() as place:
        _lay(place)
        then = die if how == "killed" else refuse(REFUSALS[how])
        end = ended(fork(lambda: merge(place), Operations(place / "results", point, then).watch))
        if how == "killed":
            assert end.code == -signal.SIGKILL, end
        else:
            assert end.code in (0, 3), end  # what is only tidied up may be refused
            assert len(end.said.splitlines()) == (end.code == 3), end
        whole(place)
        demand_kept(bodies(place), records)
        end = ended(fork(lambda: merge(place)))
        assert end.code == 0, end
        assert bodies(place) == records
        end = ended(fork(lambda: _tables(place)))
        assert end.code == 0, end
        assert tables(place) == undisturbed()[0]
        assert {name: content for name, content in _files(place).items() if name.startswith("part")} == parts()


def merge(place: Path) -> int:
    """What `freerun merge` does."""
    from freerun.cli.commands import merge

    return merge.main([*(str(place / f"part{number}") for number in range(1, PARTS + 1)), "--results", str(place / "results")])


def _files(place: Path) -> dict[str, bytes]:
    found = (path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in found}


def _lay(place: Path) -> None:
    """Put the parts into a folder, beside an empty one for what is merged."""
    (place / "results").mkdir()
    for name, content in parts().items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)


def _do(place: Path, number: int) -> int:
    from freerun.execution import launchers
    from freerun.store import results_folder
    from freerun.sweeps import shards, sweep

    launcher, _ = launchers.choose(["launcher=inline"], {"group": 6})
    where = results_folder.Place(results=place / f"part{number}")
    return len(sweep.do(shards.part(study(), shards.Shard(number, PARTS)), where, launcher))


def _tables(place: Path) -> int:
    from freerun.analysis import outputs
    from freerun.store import results_folder

    outputs.of(study().name, results_folder.Place(results=place / "results")).write_tables()
    return 0
