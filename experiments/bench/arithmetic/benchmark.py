"""Price of equal bits: whole updates of the engine in each mode of arithmetic, in processes that take turns.

``python experiments/bench/arithmetic/benchmark.py`` writes results/bench/arithmetic/benchmark.md and .json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from freerun import Experiment, FreeRunning, Lorenz63, TeacherForcing, Training, arithmetic
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.training import Trainer
from freerun.execution.group_runner import prepare
from freerun.parts.registry import get

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import made_on, write

B, T, H = 32, 100, 32
REPEATS = 3
#: Name of the work: replicas, model, regime.
WORK = {
    "GRU, closed loop, R=32": (32, "gru", FreeRunning),
    "GRU, closed loop, R=1": (1, "gru", FreeRunning),
    "GRU, teacher forcing, R=32": (32, "gru", TeacherForcing),
    "LSTM, closed loop, R=32": (32, "lstm", FreeRunning),
    "output_recurrent, closed loop, R=32": (32, "output_recurrent", FreeRunning),
}


def updates(replicas: int, model: str, regime: type) -> Callable[[], None]:
    """An update of that many seeds through the whole engine: streams, batches, masks, loss, clipping, Adam."""
    task = Lorenz63(length=T, sequences=64)
    settings = Training(updates=10**6, batch=B, log_every=10**6)
    experiments = [
        Experiment(task=task, model=get("model", model)(hidden=H), regime=regime(), training=settings, seed=seed)
        for seed in range(replicas)
    ]
    group = Group(experiments, {seed: task.build(seed, T) for seed in range(replicas)})
    trainer = Trainer(group, Lessons(group))
    return lambda: trainer.update(0)


def alone() -> None:
    """Print the milliseconds of each work, per replica and update, in the mode of this process."""
    prepare()
    found = {}
    for name, (replicas, model, regime) in WORK.items():
        run = updates(replicas, model, regime)
        run()
        seconds = []
        for _ in range(REPEATS if replicas > 1 else 5 * REPEATS):
            began = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - began)
        found[name] = statistics.median(seconds) / replicas * 1e3
    print(json.dumps({"arithmetic": str(arithmetic.in_force()), "milliseconds": found}))


def child(mode: str) -> dict:
    """What a process of this mode measures."""
    libraries = {name for wanted in arithmetic.MODES.values() for name in wanted}
    plain = {name: value for name, value in os.environ.items() if name not in libraries}
    words = [sys.executable, __file__, "--alone"]
    done = subprocess.run(words, env={**plain, arithmetic.VARIABLE: mode}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/bench/arithmetic"))
    options = parser.parse_args()
    if options.alone:
        alone()
        return
    rounds = [{mode: child(mode) for mode in arithmetic.MODES} for _ in range(options.rounds)]
    words = {mode: rounds[0][mode]["arithmetic"] for mode in arithmetic.MODES}
    rows, numbers = [], []
    for name in WORK:
        each = {mode: [one[mode]["milliseconds"][name] for one in rounds] for mode in arithmetic.MODES}
        cells = [f"{statistics.median(each['native']):.2f}"]
        for mode in ("avx2", "portable"):
            ratios = [a / b for a, b in zip(each[mode], each["native"], strict=True)]
            cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        rows.append(f"| {name} | {' | '.join(cells)} |")
        numbers.append({"work": name, "milliseconds": each})
    lines = [
        "# Price of equal bits",
        "",
        f"Whole updates, B={B}, T={T}, H={H}, float32, one thread, a process a mode and round in turn; medians over",
        f"{options.rounds} rounds, in parentheses the smallest and largest ratio. Milliseconds are per replica and update.",
        made_on(f"{arithmetic.processor()}"),
        "Command: `python experiments/bench/arithmetic/benchmark.py`.",
        "",
        "| work | native, ms | avx2 / native | portable / native |",
        "|---|---|---|---|",
        *rows,
        "",
        *(f"- {mode}: {made}" for mode, made in words.items()),
    ]
    write(options.out, lines, {"arithmetic": words, "rows": numbers})


if __name__ == "__main__":
    main()
