"""Benchmark of a sweep's overhead: the scan of its records, its planning, and the time its workers do not train.

Three figures: seconds until ten thousand records are scanned, as a sweep that is resumed does it; seconds until two thousand
runs are planned; and the share of a sweep of tiny runs that its workers spend otherwise than with training and evaluation. Each
is taken in processes of their own, their start included where a user waits for it. Run from the top of the repository; writes
results/bench/sweep_speed/benchmark.csv and .md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freerun.store.records import Store

sys.path.insert(0, str(Path(__file__).parents[1]))
from _records import fill
from _report import made_on, write

#: A sweep of 2,000 runs over everything that a sweep goes over: tasks, models, regimes, a setting, seeds.
PLANNED = (
    "task=lorenz63,markov", "model=gru,lstm", "training.lr=1e-3,3e-3", "seed=range(50)",
    "regime=teacher_forcing,free_running,scheduled_sampling,sparse_forcing,noisy_forcing",
)  # fmt: skip
#: A sweep of 200 runs of less than a second each.
TINY = (
    "task=markov", "model=gru,lstm", "training.updates=100", "seed=range(20)",
    "regime=teacher_forcing,free_running,scheduled_sampling,sparse_forcing,noisy_forcing",
)  # fmt: skip
#: What is timed, in a process of its own that has imported what it needs.
_SCANS = """
import sys, time
from pathlib import Path
from freerun.store import record_scan as scan
from freerun.sweeps import sweep as sweeping
from freerun.store.records import Store
store = Store(Path(sys.argv[1]))
ids = list(store.runs())
began = time.perf_counter()
assert not scan.missing(store, ids)
scanned = time.perf_counter()
assert set(sweeping.states(ids, store).values()) == {"done"}
print(scanned - began, time.perf_counter() - scanned)
"""


def freerun(*words: str) -> tuple[float, str]:
    """Seconds that a command takes from its start to its end, and what it prints."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "freerun", *words], check=True, capture_output=True, text=True)
    return time.perf_counter() - began, done.stdout


def scans(root: Path) -> list[float]:
    """Seconds that the scan for a resumed sweep takes, and those of the states that `status` and `plan` show."""
    done = subprocess.run([sys.executable, "-c", _SCANS, str(root)], check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def shares(folder: Path, workers: int) -> dict[str, float]:
    """A sweep of tiny runs, from the command to the prompt: the shares of its workers' time that are not training."""
    seconds, _ = freerun("run", "-m", *TINY, "--workers", str(workers), "--results", str(folder))
    store = Store(folder / ".store")
    made = [store.read(run)["provenance"] for run in store.runs()]
    training, evaluation = (sum(each[f"{name}_seconds"] for each in made) for name in ("training", "evaluation"))
    return {
        "runs": len(made),
        "seconds": seconds,
        "outside training and evaluation": 1 - (training + evaluation) / (seconds * workers),
        "outside training": 1 - training / (seconds * workers),
    }


def row(name: str, wanted: str, unit: str, values: Sequence[float]) -> dict[str, Any]:
    """A row of the table."""
    scale = 100 if unit == "%" else 1
    found = {"median": statistics.median(values), "smallest": min(values), "largest": max(values)}
    return {"what": name, "unit": unit, "wanted": wanted, **{key: f"{scale * value:.2f}" for key, value in found.items()}}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("results/bench/sweep_speed"))
    options = parser.parse_args()
    rounds = range(options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "store"
        size = fill(root, options.records, steps=40, points=40)
        scanned = [scans(root) for _ in rounds]
        nothing = str(Path(folder) / "nothing")
        planned = [freerun("plan", "-m", *PLANNED, "--results", nothing) for _ in rounds]
        assert all(": 2000 runs" in text for _, text in planned)
        first = [freerun("plan", "first_look", "--results", nothing)[0] for _ in rounds]
        swept = [shares(Path(folder) / str(number), options.workers) for number in rounds]
    assert all(each["runs"] == 200 for each in swept)
    rows = [
        row(f"{options.records} records scanned to resume a sweep", "< 3", "s", [each[0] for each in scanned]),
        row(f"{options.records} states for status and plan", "< 3", "s", [each[1] for each in scanned]),
        row("freerun plan of 2000 runs, with the start of Python", "< 10", "s", [seconds for seconds, _ in planned]),
        row("freerun plan first_look, with the start of Python", "", "s", first),
        row("200 tiny runs, from the command to the tables", "", "s", [each["seconds"] for each in swept]),
        *(
            row(f"200 tiny runs, time of the workers {name}", wanted, "%", [each[name] for each in swept])
            for name, wanted in (("outside training and evaluation", "< 15"), ("outside training", ""))
        ),
    ]
    lines = [
        "# Sweep speed",
        "",
        f"Records of {size:.1f} KiB; {options.workers} workers on {os.cpu_count()} cores, medians of {options.rounds}.",
        made_on(f"Python {platform.python_version()}"),
        "Command: `python experiments/bench/sweep_speed/benchmark.py`.",
        "",
        "| | wanted | median | smallest | largest |",
        "|---|---|---|---|---|",
        *(f"| {r['what']} ({r['unit']}) | {r['wanted']} | {r['median']} | {r['smallest']} | {r['largest']} |" for r in rows),
    ]
    write(options.out, lines, rows)


if __name__ == "__main__":
    main()
