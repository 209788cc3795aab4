"""Benchmark of the tables: ten thousand records into one frame, cold and from the index.

The records are synthetic and as long as asked for; they are read from a warm file cache, each time in a process of its own that
has imported what it needs. Run from the top of the repository; writes results/bench/table_speed/benchmark.json and .md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from _records import fill
from _report import made_on, write

#: What is timed, in a process of its own: with an index if there is one.
_TIMED = """
import sys, time
from pathlib import Path
from freerun.analysis.tables import tidy as tables
from freerun.store.records import Store
store = Store(Path(sys.argv[1]))
ids = list(store.runs())
began = time.perf_counter()
found = tables.frames(store, ids, "benchmark")
print(time.perf_counter() - began, len(found.runs), len(found.gaps), len(found.curves))
"""


def timed(root: Path) -> float:
    """Seconds that the frames of all records take in a fresh process."""
    words = [sys.executable, "-c", _TIMED, str(root)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[0])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/bench/table_speed"))
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {"cold": [], "from the index": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "store"
        size = fill(root, options.records, options.steps, options.points)
        for _ in range(options.rounds):
            (root / "index").unlink(missing_ok=True)
            seconds["cold"].append(timed(root))
            seconds["from the index"].append(timed(root))
        held = (root / "index").stat().st_size / 2**20
    wanted = {"cold": 3.0, "from the index": 0.5}
    lines = [
        "# Table speed",
        "",
        f"{options.records} records of {size:.1f} KiB ({12 * options.steps} values, {options.points} points of a curve) into "
        f"the three frames; {os.cpu_count()} cores, medians of {options.rounds}. The index takes {held:.0f} MiB.",
        made_on(f"Python {platform.python_version()}"),
        "",
        "| | wanted (s) | median (s) | smallest | largest |",
        "|---|---|---|---|---|",
        *(f"| {k} | < {wanted[k]} | {statistics.median(v):.2f} | {min(v):.2f} | {max(v):.2f} |" for k, v in seconds.items()),
    ]
    write(options.out, lines, {"seconds": seconds, "kibibytes": size})


if __name__ == "__main__":
    main()
