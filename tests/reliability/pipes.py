"""Outputs that are closed, full or cut off in the middle of a sweep: the work goes on, and the exit code tells the truth."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

from reliability.crashes import operations
from reliability.sweeps import Operations, bodies, ended, folder, fork, resumed, sweep, tables, undisturbed

#: What becomes of an output, and the exit code of a sweep whose standard output it becomes.
ENDS = {"cut off": 0, "closed": 0, "full": 1}
STREAMS = {"output": (1,), "errors": (2,), "both": (1, 2)}


def cases(seed: int, count: int) -> Iterator[tuple[str, str, int]]:
    """What becomes of which output, before which operation on files; 0 for before the command begins."""
    chance = random.Random(seed)
    for number in range(count):
        end, stream = list(ENDS)[number % len(ENDS)], list(STREAMS)[number // len(ENDS) % len(STREAMS)]
        yield end, stream, 0 if end == "closed" or number % 4 == 0 else chance.randint(1, operations())


def check(case: tuple[str, str, int]) -> None:
    """Let it happen, see that all is done, and that the exit code is 0 unless standard output was to be kept and was not."""
    how, stream, point = case
    expected, records = undisturbed()
    with folder() as place:
        (place / "results").mkdir()
        end = ended(_forked(place, how, stream, point))
        assert bodies(place) == records, end
        assert tables(place) == expected, end
        lost = ENDS[how] if 1 in STREAMS[stream] else 0
        assert end.code in ((lost,) if point == 0 else (0, lost)), end  # late, nothing may be left to be said
        resumed(place)


def _forked(place: Path, how: str, stream: str, point: int) -> tuple[int, Path]:
    def happen() -> None:
        _end(how, STREAMS[stream])

    def begin() -> None:
        if point:
            Operations(place, point, lambda what, handle: happen()).watch()

    return fork(lambda: sweep(place), begin, before=None if point else happen)


def _end(how: str, numbers: tuple[int, ...]) -> None:
    for number in numbers:
        if how == "closed":
            os.close(number)
            continue
        if how == "full":
            handle = os.open("/dev/full", os.O_WRONLY)
        else:
            reader, handle = os.pipe()
            os.close(reader)
        os.dup2(handle, number)
        os.close(handle)
