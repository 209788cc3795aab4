"""Crashes at an operation on files, kills at a random instant: the same command goes on, to the same bytes."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from reliability.sweeps import Operations, die, ended, folder, fork, forked_workers, resumed, sweep, undisturbed, whole

#: A sweep of two groups on two workers.
TWO: dict[str, Any] = {"launcher": "local", "workers": 2, "group": 12}


@cache
def operations() -> int:
    """How many operations on files a sweep does."""
    with folder() as place:
        seen = Operations(place)

        def work() -> int:
            sweep(place)
            (place / "count").write_text(str(seen.count))
            return 0

        assert ended(fork(work, seen.watch)).code == 0
        return int((place / "count").read_text())


@cache
def operations_of_a_worker() -> int:
    """The same of a worker that does one of two groups: no worker does fewer."""
    with folder() as place:
        watch = Operations(place / "results", 1, lambda what, handle: _counted(place), sticky=True).watch
        end = ended(fork(lambda: sweep(place, **TWO), lambda: forked_workers(watch)))
        assert end.code == 0, end
        found = [path.stat().st_size for path in place.glob("count-*")]
        assert len(found) == 2, found
        return min(found)


def _counted(place: Path) -> None:
    with open(place / f"count-{os.getpid()}", "ab") as file:
        file.write(b".")


def points(seed: int, count: int, last: int) -> list[int]:
    """Operations to crash at, of so many: all, or some of them, the first and the last among them."""
    every = range(1, last + 1)
    return list(every) if count >= last else sorted({1, last, *random.Random(seed).sample(every, count - 2)})


def crash(point: int, touch: Callable[[], None] = lambda: None) -> None:
    """Die at an operation, look at what is there, go on, compare.

    Args:
        point: the number of the operation.
        touch: what else is done to the process that dies.
    """
    with folder() as place:
        watch = Operations(place, point, die).watch
        end = ended(fork(lambda: sweep(place), lambda: (touch(), watch())))
        assert end.code == -signal.SIGKILL, end
        whole(place)
        resumed(place)


def crash_of_a_worker(point: int) -> None:
    """The same with two worker processes, of which the first to come so far dies: its runs are done by another one."""
    with folder() as place:

        def first_to_die(what: str, handle: int) -> None:
            with suppress(FileExistsError):
                (place / "died").mkdir()
                die(what, handle)

        watch = Operations(place / "results", point, first_to_die).watch
        end = ended(fork(lambda: sweep(place, **TWO), lambda: forked_workers(watch)))
        assert end.code in (0, 1), end
        assert (place / "died").exists(), f"no worker came to operation {point}"
        whole(place)
        resumed(place)


#: Who is killed, and the launcher of the sweep.
WHOM = (("driver", "inline"), ("worker", "local"), ("driver", "local"))


def kills(seed: int, count: int) -> Iterator[tuple[str, str, float]]:
    """Whom to kill in what kind of sweep, and when: a share of the time that an undisturbed one takes."""
    chance = random.Random(seed)
    for number in range(count):
        yield *WHOM[number % len(WHOM)], chance.random()


@cache
def _seconds(launcher: str) -> float:
    undisturbed()
    with folder() as place:
        began = time.monotonic()
        ended(fork(lambda: sweep(place, launcher=launcher), forked_workers))
        return time.monotonic() - began


def kill(case: tuple[str, str, float]) -> None:
    """Kill -9 at a random instant, go on at once, compare."""
    whom, launcher, when = case
    delay = when * _seconds(launcher)
    with folder() as place:
        child = fork(lambda: sweep(place, launcher=launcher), forked_workers)
        time.sleep(delay)
        workers = _workers(child[0])
        for victim in [child[0]] if whom == "driver" else workers:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        end = ended(child)
        assert end.code in ((0, -signal.SIGKILL) if whom == "driver" else (0, 1)), end
        resumed(place, orphans=workers)


def _workers(driver: int) -> list[int]:
    """The child processes of a driver."""
    found = []
    for task in os.listdir(f"/proc/{driver}/task"):
        with suppress(OSError), open(f"/proc/{driver}/task/{task}/children", encoding="ascii") as file:
            found += [int(word) for word in file.read().split()]
    return found
