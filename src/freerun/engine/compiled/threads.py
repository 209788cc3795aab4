"""Threads of the compiled engine: a call is spread over them, and each has its own room to work in."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="rollout")


def spread(run: Callable[..., int], call: ctypes.Structure, count: int, size: int, like: torch.Tensor) -> None:
    """Call a function of the library for all of `count` independent parts, spread over as many threads as torch has.

    Args:
        run: takes the call, and the range of parts that it is to see to.
        call: has a field `work`, the room that a thread works in.
        size: numbers of that room.
        like: of the type of these numbers.
    """
    threads = max(1, min(torch.get_num_threads(), count))
    size = -(-size // 16) * 16
    room = _spare.pop(like.dtype, None)
    if room is None or room.numel() < threads * size:
        room = like.new_empty(threads * size)
    _in_parts(run, call, count, [room[i * size :] for i in range(threads)])
    _spare[like.dtype] = room


#: The room of the last call for each type of numbers, for the next: memory that is new costs more than what is done in it.
_spare: dict[torch.dtype, torch.Tensor] = {}


def _in_parts(run: Callable[..., int], call: ctypes.Structure, count: int, work: list[torch.Tensor]) -> None:
    threads = len(work)
    if threads == 1:
        call.work = work[0].data_ptr()
        run(call, 0, count)
        return
    bounds = [count * i // threads for i in range(threads + 1)]
    jobs = []
    for i in range(threads):
        part = type(call).from_buffer_copy(call)
        part.work = work[i].data_ptr()
        jobs.append(_pool(threads).submit(run, part, bounds[i], bounds[i + 1]))
    for job in jobs:
        job.result()
