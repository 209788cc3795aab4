"""Memory of whole updates: what a process of its own takes beyond what it has taken before the first."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

#: Replicas, sequences and width, and the lengths that are tried.
SIZES, LENGTHS = {"R": 8, "B": 16, "H": 64}, (1_000, 2_000, 10_000)


def table() -> list[str]:
    """The lines of a table: the most memory that two updates of a GRU in closed loop take, by engine and length."""
    sizes = ", ".join(f"{name}={value}" for name, value in SIZES.items())
    lines = [
        f"Gigabytes that two updates of a GRU in closed loop take ({sizes}), each in a process of its own. What",
        "back-propagation keeps grows in proportion to T, and in the loop to R; the compiled engine, which takes the gradient",
        "of a replica before it rolls out the next, keeps that of one.",
        "",
        f"| engine | {' | '.join(f'T={T:,}' for T in LENGTHS)} |",
        f"|---{'|---' * len(LENGTHS)}|",
    ]
    rows = {engine: [f"{_taken(engine, length):.2f}" for length in LENGTHS] for engine in ("compiled", "reference")}
    return [*lines, *(f"| {engine} | {' | '.join(cells)} |" for engine, cells in rows.items())]


def _taken(engine: str, length: int) -> float:
    words = [sys.executable, str(Path(__file__)), engine, str(length)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def _most() -> int:
    """Bytes of memory that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    from contenders import Work
    from contenders import engine as update_of

    from freerun.execution.group_runner import prepare

    prepare()
    update = update_of(Work(model="gru", T=int(sys.argv[2]), **SIZES), sys.argv[1])
    before = _most()
    update()
    update()
    print((_most() - before) / 1e9)
