"""Results that are renamed, moved or removed while a sweep runs: not made anew, and with their old name the sweep goes on."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from reliability.crashes import operations
from reliability.sweeps import Operations, bodies, demand_kept, ended, folder, fork, resumed, sweep, tables, undisturbed

#: What is moved, and where to; None for nowhere: it is removed.
MOVES = {
    "the results": ("results", "elsewhere"),
    "the store": ("results/.store", "elsewhere"),
    "the results, removed": ("results", None),
    "the results into a folder": ("results", "deep/down/results"),
}


def cases(seed: int, count: int) -> Iterator[tuple[str, int]]:
    """What is moved, before which operation on files."""
    chance = random.Random(seed)
    for number in range(count):
        yield list(MOVES)[number % len(MOVES)], chance.randint(4, operations())


def check(case: tuple[str, int]) -> None:
    """Move it, look at what is there, put it back, go on, compare."""
    what, point = case
    source, target = MOVES[what]
    expected, records = undisturbed()
    with folder() as place:
        (place / "results").mkdir()
        watch = Operations(place / "results", point, _move(place, source, target)).watch
        end = ended(fork(lambda: sweep(place), watch))
        moved = None if target is None else place / target
        left = place / source
        if end.code == 0:  # it was moved when all was done
            assert {**bodies_of(moved, source), **bodies(place)} == records or tables(place) == expected, end
        else:
            lines = [line for line in end.said.splitlines() if line]
            assert end.code == 3, end
            assert len(lines) == 1, end
            assert lines[0].startswith("freerun: "), end
            assert not left.exists(), f"{source} was made anew: {end}"
        if moved is not None and moved.exists():
            if left.exists():
                shutil.rmtree(left)
            moved.rename(left)
        if (place / "results").exists():
            demand_kept(bodies(place), records)
        (place / "results").mkdir(exist_ok=True)
        resumed(place)


def bodies_of(moved: Path | None, source: str) -> dict[str, dict]:
    """The records in what was moved."""
    from freerun.store.records import Store

    if moved is None or not moved.exists():
        return {}
    store = Store(moved if source.endswith(".store") else moved / ".store")
    found = {run: store.read(run) for run in store.runs()}
    for record in found.values():
        record["data"] = record.pop("provenance")["data"]
    return found


def _move(place: Path, source: str, target: str | None) -> Callable[[str, int], None]:
    def then(what: str, handle: int) -> None:
        if not (place / source).exists():
            return
        if target is None:
            shutil.rmtree(place / source, ignore_errors=True)
        else:
            (place / target).parent.mkdir(parents=True, exist_ok=True)
            (place / source).rename(place / target)

    return then
