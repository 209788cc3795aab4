"""Threads: whole updates of the compiled engine by the clock, with replicas spread over one thread, two and so on."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from contenders import Work, engine

from freerun.execution.group_runner import prepare
from freerun.execution.machine import cores
from freerun.io.child_process import WAITING

WORKS = (
    Work(model="gru", R=32, B=32, T=100, H=32),
    Work(model="gru", R=100, B=16, T=50, H=16),
    Work(model="gru", R=32, B=64, T=100, H=64),
    Work(model="gru", R=1, B=32, T=100, H=32),
    Work(model="transformer", R=8, B=16, T=200, H=32),
)
#: Seconds by the clock that a turn takes at least.
TURN = 0.1


def counts() -> list[int]:
    """1, 2, 4 ... threads, as many as there are cores."""
    return [2**power for power in range(8) if 2**power <= max(1, cores())]


def table(rounds: int) -> list[str]:
    """The lines of `measured`, by a process with the environment of a worker: how threads wait is settled when it starts."""
    words = [sys.executable, str(Path(__file__)), str(rounds)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env={**WAITING, **os.environ})
    return done.stdout.splitlines()


def measured(rounds: int) -> list[str]:
    """The lines of a table: milliseconds per replica and update, and how many times as fast as one thread, in turn."""
    tried = counts()
    lines = [
        "Milliseconds per replica and update of the compiled engine by the clock, which alone tells of threads, and which",
        "other work on the machine bends; in brackets how many times as fast as with one thread. Replicas are spread over the",
        "threads of a process (`launcher.threads`), each with one of them; streams, batches and masks are not. A study takes",
        "workers of one thread, one a core.",
        "",
        f"| work | {' | '.join(f'{count} thread' + 's' * (count > 1) for count in tried)} |",
        f"|---{'|---' * len(tried)}|",
    ]
    for work in WORKS:
        seconds = _seconds(work, tried, rounds)
        cells = []
        for count in tried:
            ratio = statistics.median(a / b for a, b in zip(seconds[1], seconds[count], strict=True))
            each = f"{statistics.median(seconds[count]) / work.R * 1e3:.3g}"
            cells.append(each if count == 1 else f"{each} ({ratio:.2f}x)")
        lines.append(f"| {work} | {' | '.join(cells)} |")
    return lines


def _seconds(work: Work, tried: list[int], rounds: int) -> dict[int, list[float]]:
    run, before = engine(work, "compiled"), torch.get_num_threads()
    seconds: dict[int, list[float]] = {count: [] for count in tried}
    try:
        for _ in range(rounds):
            for count in tried:
                torch.set_num_threads(count)
                run()
                began = time.perf_counter()
                run()
                repeats = max(1, round(TURN / (time.perf_counter() - began)))
                began = time.perf_counter()
                for _ in range(repeats):
                    run()
                seconds[count].append((time.perf_counter() - began) / repeats)
    finally:
        torch.set_num_threads(before)
    return seconds


if __name__ == "__main__":
    prepare()
    print("\n".join(measured(int(sys.argv[1]))))
