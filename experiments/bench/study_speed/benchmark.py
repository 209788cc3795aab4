"""Benchmark of the main job: `freerun study first_look`, from the command to the report.

Machines are told apart by a floor, the batched matrix products of a GRU in closed loop (R=32, B=32, T=100, H=32), which are
timed before and after the study. Run from the top of the repository; writes results/bench/study_speed/benchmark.json and .md.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from freerun.store.records import Store

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "rollout_speed"))
from _report import made_on, write
from contenders import Work, products

FLOOR = Work(model="gru", R=32, B=32, T=100, H=32)
#: The goal: so many minutes on two cores of a machine where the floor takes so many milliseconds.
MINUTES, ON = 4.0, 3.0
STAGES = ("training", "evaluation")


def floor(rounds: int = 9) -> float:
    """Milliseconds of the processor for a replica's products: the median of some rounds on one thread."""
    torch.set_num_threads(1)
    run = products(FLOOR)
    run()
    found = []
    for _ in range(rounds):
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return statistics.median(found) / FLOOR.R * 1e3


def studied(folder: Path) -> dict[str, float]:
    """Seconds of the study by the clock and of the processor, and what its records say of training and evaluation."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "freerun", "study", "first_look", "--results", str(folder)], check=True)
    clock = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    store = Store(folder / ".store")
    made = [store.read(run)["provenance"] for run in store.runs()]
    assert made
    spent = {stage: sum(each[f"{stage}_seconds"] for each in made) for stage in STAGES}
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"runs": len(made), "seconds": clock, "processor": processor, **spent}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("results/bench/study_speed"))
    options = parser.parse_args()
    before = floor()
    with tempfile.TemporaryDirectory() as folder:
        found = studied(Path(folder))
    floors = before, floor()
    here = statistics.mean(floors)
    there = found["seconds"] * ON / here
    rows = {
        "from the command to the report, by the clock": found["seconds"],
        "processor time of all its processes": found["processor"],
        "training, by the clocks of the workers": found["training"],
        "evaluation, by the clocks of the workers": found["evaluation"],
    }
    lines = [
        "# Study speed",
        "",
        f"`freerun study first_look` on {os.cpu_count()} cores: {found['runs']:.0f} runs. The floor, the products of",
        f"`{FLOOR}`, took {floors[0]:.2f} ms a replica before and {floors[1]:.2f} after.",
        made_on(f"torch {torch.__version__}"),
        f"Load of the machine at the end: {os.getloadavg()[0]:.1f}.",
        "Command: `python experiments/bench/study_speed/benchmark.py`.",
        "",
        "| | minutes |",
        "|---|---|",
        *(f"| {name} | {seconds / 60:.2f} |" for name, seconds in rows.items()),
        "",
        f"Goal: {MINUTES:g} minutes where the floor takes {ON:g} ms. In proportion to the floor it is {there / 60:.2f} minutes",
        f"there: {'held' if there / 60 <= MINUTES else 'missed'}.",
    ]
    write(options.out, lines, {**found, "floor_ms": list(floors)})


if __name__ == "__main__":
    main()
