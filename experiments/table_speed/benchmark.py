"""How long until ten thousand records are one frame, cold and from the index?

The records are synthetic and as long as asked for; they are read from a warm file cache, each time in a process of its own that
has imported what it needs. Run from the top of the repository; writes results/table_speed/benchmark.json and .md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from freerun.provenance import commit
from freerun.store import FORMAT

#: What is timed, in a process of its own: with an index if there is one.
_TIMED = """
import sys, time
from pathlib import Path
from freerun import tables
from freerun.store import Store
store = Store(Path(sys.argv[1]))
ids = list(store.runs())
began = time.perf_counter()
found = tables.frames(store, ids, "benchmark")
print(time.perf_counter() - began, len(found.runs), len(found.gaps), len(found.curves))
"""


def fill(root: Path, count: int, steps: int, points: int) -> float:
    """Write `count` records of 12 series of `steps` values and `points` points of training; returns their mean size in KiB."""
    chance, size = np.random.default_rng(0), 0
    regimes = ("teacher_forcing", "free_running", "scheduled_sampling", "sparse_forcing", "noisy_forcing")
    for number in range(count):
        run = hashlib.sha256(str(number).encode()).hexdigest()[:16]
        series = [
            {"split": split, "mode": mode, "metric": metric, "unit": "u", "first": 1, "values": chance.random(steps).tolist()}
            for split in ("train", "test")
            for mode in ("forced", "free")
            for metric in ("loss", "rmse", "nrmse")
        ]
        curves = [
            {"update": 10 * (i // 4), "quantity": f"quantity_{i % 4}", "value": value}
            for i, value in enumerate(chance.random(points).tolist())
        ]
        experiment = {
            "task": {"name": "lorenz63", "length": 100}, "model": {"name": f"model_{number % 4}", "hidden": 32},
            "regime": {"name": regimes[number // 4 % 5]}, "feedback": {"name": "mean"}, "objective": {"name": "squared_error"},
            "gradient": "through", "training": {"updates": 1000, "lr": 0.003, "clip": None, "batch": 32},
            "evaluation": {"warmup": 20, "horizon": steps}, "seed": number // 20, "device": "cpu", "dtype": "float32",
        }  # fmt: skip
        versions = {"python": "3", "freerun": "0", "torch": "2", "numpy": "2"}
        record = {
            "run": run, "experiment": experiment, "status": "done", "reason": "", "curves": curves, "series": series,
            "sample": None,
            "provenance": {"versions": versions, "commit": "", "machine": "", "threads": 1, "data": f"{number // 20:064d}"},
        }  # fmt: skip
        body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        head = json.dumps({"format": FORMAT, "sha256": hashlib.sha256(body).hexdigest()}).encode()
        path = root / run[:2] / f"{run}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(head + b"\n" + body)
        size += path.stat().st_size
    return size / count / 1024


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
    parser.add_argument("--out", type=Path, default=Path("results/table_speed"))
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
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, commit {commit() or 'unknown'}.",
        "",
        "| | wanted (s) | median (s) | smallest | largest |",
        "|---|---|---|---|---|",
        *(f"| {k} | < {wanted[k]} | {statistics.median(v):.2f} | {min(v):.2f} | {max(v):.2f} |" for k, v in seconds.items()),
    ]
    print("\n".join(lines))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "benchmark.md").write_text("\n".join(lines) + "\n")
    (options.out / "benchmark.json").write_text(json.dumps({"seconds": seconds, "kibibytes": size}, indent=1) + "\n")


if __name__ == "__main__":
    main()
