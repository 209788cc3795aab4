"""A crash at an operation on files, a kill at a random instant: the same command goes on, to the same bytes."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache

from reliability.sweeps import Operations, die, ended, folder, fork, forked_workers, resumed, sweep, undisturbed, whole


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


def points(seed: int, count: int) -> Iterator[int]:
    """Operations to crash at: all, or some of them, the first and the last among them."""
    last = operations()
    every = list(range(1, last + 1))
    if count >= last:
        yield from every
    else:
        yield from sorted({1, last, *random.Random(seed).sample(every, count - 2)})


def points_of_workers(seed: int, count: int) -> Iterator[int]:
    """Operations of a worker that does half of the runs."""
    half = operations() // 2 - 20
    yield from (
        range(1, half + 1) if count >= half else sorted({1, half, *random.Random(seed).sample(range(1, half), count - 2)})
    )


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
        end = ended(fork(lambda: sweep(place, launcher="local", workers=2), lambda: forked_workers(watch)))
        assert end.code in (0, 1), end
        whole(place)
        resumed(place)


def kills(seed: int, count: int) -> Iterator[tuple[str, float]]:
    """Whom to kill, and when: a share of the time that an undisturbed sweep takes."""
    chance = random.Random(seed)
    for number in range(count):
        yield ("worker" if number % 4 == 3 else "driver"), chance.random()


@cache
def _seconds(launcher: str) -> float:
    undisturbed()
    with folder() as place:
        began = time.monotonic()
        ended(fork(lambda: sweep(place, launcher=launcher), forked_workers))
        return time.monotonic() - began


def kill(case: tuple[str, float]) -> None:
    """Kill -9 at a random instant, go on, compare."""
    whom, when = case
    launcher = "inline" if whom == "driver" else "local"
    delay = when * _seconds(launcher)
    with folder() as place:
        child = fork(lambda: sweep(place, launcher=launcher), forked_workers)
        time.sleep(delay)
        if whom == "driver":
            with suppress(ProcessLookupError):
                os.kill(child[0], signal.SIGKILL)
            end = ended(child)
            assert end.code in (0, -signal.SIGKILL), end
        else:
            for worker in _workers(child[0]):
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            end = ended(child)
            assert end.code in (0, 1), end
        resumed(place)


def _workers(driver: int) -> list[int]:
    """The child processes of a driver."""
    found = []
    for task in os.listdir(f"/proc/{driver}/task"):
        with suppress(OSError), open(f"/proc/{driver}/task/{task}/children", encoding="ascii") as file:
            found += [int(word) for word in file.read().split()]
    return found
