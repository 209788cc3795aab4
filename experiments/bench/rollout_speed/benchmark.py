"""Benchmark of whole updates: the compiled engine beside the loop in PyTorch, a plain loop, JAX, bare products and the peak.

An update is all of it: streams, batches, masks, rollout, loss, gradient, clipping, Adam. Everything that is compared is timed
in turn, on one thread, in processor time; the figures are medians of ratios round by round. A turn begins with an update that
is not timed, since who had the turn before has left other things in the caches. Run with ``make bench``; writes
results/bench/rollout_speed/benchmark.json, .md and .png.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from freerun.engine.compiled.library import library
from freerun.execution.group_runner import prepare

sys.path.insert(0, str(Path(__file__).parents[1]))
import elsewhere
import memory
import threads
from _report import made_on, write
from contenders import Work, engine, jax, peak, plain_loop, products, prototype, vmap
from figure import draw
from jax_update import available

#: What is timed, and the goals: how many times the compiled engine's time a contender takes at least.
ROWS: tuple[tuple[Work, dict[str, float]], ...] = (
    (Work(model="gru", R=32, B=32, T=100, H=32), {"products": 1 / 1.3, "JAX": 2.5, "plain loop": 20}),
    (Work(model="gru", R=100, B=16, T=50, H=16), {"products": 1, "JAX": 3, "plain loop": 50}),
    (Work(model="gru", R=32, B=64, T=100, H=64), {"products": 1 / 1.1, "JAX": 1.6}),
    (Work(model="gru", R=1, B=32, T=100, H=32), {"plain loop": 15, "JAX": 2}),
    (Work(model="gru", R=8, B=32, T=100, H=32), {}),
    (Work(model="gru", R=128, B=32, T=100, H=32), {}),
    (Work(model="gru", R=8, B=32, T=1000, H=32), {}),
    (Work(model="gru", R=8, B=32, T=100, H=256), {}),
    (Work(model="gru", R=32, B=32, T=100, H=32, forced=True), {"plain loop": 4}),
    (Work(model="gru", R=1, B=32, T=100, H=32, forced=True), {"plain loop": 1}),
    (Work(model="lstm", R=32, B=32, T=100, H=32), {"plain loop": 15}),
    (Work(model="hidden_recurrent", R=32, B=32, T=100, H=32), {"plain loop": 15}),
    (Work(model="output_recurrent", R=32, B=32, T=100, H=32), {"plain loop": 15}),
    (Work(model="transformer", R=8, B=16, T=200, H=32), {elsewhere.COMMIT: 5}),
)
NAMES = ("compiled", "reference", "plain loop", "vmap", "JAX", "products", "prototype", elsewhere.COMMIT)
#: Processor time that a turn takes at least, in seconds: a short update is made several times.
TURN = 0.05


def turn(run: Callable[[], float | None], count: int) -> float:
    """Seconds of the processor for an update: the mean of so many, after one that is not counted."""
    run()
    began = time.process_time()
    told = [run() for _ in range(count)]
    elapsed = time.process_time() - began
    return (sum(value for value in told if value is not None) if told[0] is not None else elapsed) / count


def compare(runs: dict[str, Callable[[], float | None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of the processor for an update of every run in every round, in turn."""
    counts = {name: max(1, round(TURN / turn(run, 1))) for name, run in runs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(turn(run, counts[name]))
    return seconds


def measured(work: Work, rounds: int, source: Path | None) -> dict[str, Any]:
    """Milliseconds per replica and update of every contender, and the ratio of each to the compiled engine round by round."""
    runs: dict[str, Callable[[], float | None]] = {name: engine(work, name) for name in ("compiled", "reference")}
    if work.cell:
        runs |= {"plain loop": plain_loop(work), "products": products(work)}
    if work.cell and not work.forced:  # nn.GRU has no rule by which it could be mapped
        runs["vmap"] = vmap(work)
    if work.cell and available():
        runs["JAX"] = jax(work)
    if source is not None and work.model == "gru" and not work.forced:
        runs["prototype"] = prototype(work, source)
    if not work.cell and (before := elsewhere.update_of(asdict(work))) is not None:
        runs[elsewhere.COMMIT] = before
    seconds = compare(runs, rounds)
    if work.cell:
        seconds["plain loop"] = [value * work.R for value in seconds["plain loop"]]
    each = {name: statistics.median(values) / work.R * 1e3 for name, values in seconds.items()}
    ratios = {}
    for name, values in seconds.items():
        parts = sorted(a / b for a, b in zip(values, seconds["compiled"], strict=True))
        ratios[name] = {"median": statistics.median(parts), "min": parts[0], "max": parts[-1]}
    return {"work": str(work), "milliseconds": each, "ratios": ratios, "load": os.getloadavg()[0]}


def shown(found: dict[str, Any], name: str) -> str:
    """A cell of the table: milliseconds, and how many times the compiled engine's."""
    if name not in found["milliseconds"]:
        return "-"
    value = found["milliseconds"][name]
    if name not in found["ratios"] or name == "compiled":
        return f"{value:.3g}"
    ratio = found["ratios"][name]
    return f"{value:.3g} ({ratio['median']:.2f}x, {ratio['min']:.2f} to {ratio['max']:.2f})"


def judged(work: Work, goals: dict[str, float], found: dict[str, Any]) -> list[str]:
    """A line of the table of goals for each goal of a row."""
    lines = []
    for name, least in goals.items():
        if name not in found["ratios"]:
            continue
        ratio = found["ratios"][name]["median"]
        held = "held" if ratio >= least else "missed"
        lines.append(f"| {work} | {name} | at least {least:.2g}x | {ratio:.2f}x | {held} |")
    return lines


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--prototype", type=Path, help="a C file to compare with")
    parser.add_argument("--out", type=Path, default=Path("results/bench/rollout_speed"))
    options = parser.parse_args()
    if (built := library()) is None:
        sys.exit("the compiled engine is not built here")
    used = memory.table()  # first: a child inherits what its parent has taken
    prepare()
    torch.manual_seed(0)
    most = peak()
    rows, goals = [], []
    for work, asked in ROWS:
        row = measured(work, options.rounds, options.prototype)
        if work.cell:
            row["milliseconds"]["peak"] = work.operations / most * 1e3
        rows.append(row)
        goals += judged(work, asked, row)
        print(row["work"], row["milliseconds"], flush=True)
    spread = threads.table(max(3, options.rounds))
    loads = [row["load"] for row in rows]
    lines = [
        "# Rollout speed",
        "",
        "Milliseconds per replica and whole update (streams, batch, mask, rollout, loss, gradient, clipping, Adam), float32,",
        "one thread, medians of processor time, which other work on the machine bends least; in brackets how many times the",
        "compiled engine's that is: the median of the rounds, the smallest and the largest.",
        f"{options.rounds} rounds, all timed in turn; a turn begins with an update that is not timed, since an update of a",
        "training follows another one, and who had the turn before has filled the caches. `reference`: the same update by the",
        "loop in PyTorch; `plain loop`: one seed after the other with the cells of `torch.nn` (`nn.GRU` where forced); `vmap`:",
        "that loop mapped over seeds by `torch.func`; `JAX`: a scan over time, mapped over seeds, compiled; these without",
        "streams and batches; `products`: the batched matrix products of the update alone; `prototype`: loss and gradient",
        f"alone, by the C file that is named; `{elsewhere.COMMIT}`: the code when the goals were set, in a process of its own:",
        "the loop in PyTorch alone, in which a transformer copied all of its past at every step;",
        f"`peak`: those products at the speed of one large product, {most / 1e9:.0f} GFLOP/s.",
        "",
        made_on(f"torch {torch.__version__}, engine {built.instructions}"),
        f"Load of the machine: {min(loads):.1f} to {max(loads):.1f}. Command: `make bench`.",
        "" if available() else "JAX is not installed here (`pip install 'freerun[bench]'`): its column is empty.",
        f"| work | {' | '.join(NAMES)} | peak |",
        f"|---{'|---' * (len(NAMES) + 1)}|",
        *(f"| {row['work']} | {' | '.join(shown(row, name) for name in (*NAMES, 'peak'))} |" for row in rows),
        "",
        "![Milliseconds against the number of replicas](benchmark.png)",
        "",
        "## Goals",
        "",
        "How many times the time of the compiled engine a contender takes. At R=1 two thirds of an update are the rollout,",
        "loss and gradient, one call; the rest are streams, batch, mask and Adam, small operations that cost the same whatever",
        "they work on. Nothing was measured on a GPU: none could be had.",
        "",
        "| work | against | goal | measured | |",
        "|---|---|---|---|---|",
        *goals,
        "",
        "## Threads",
        "",
        *spread,
        "",
        "## Memory",
        "",
        *used,
    ]
    write(options.out, lines, {"rows": rows})
    swept = [
        (work, row)
        for (work, _), row in zip(ROWS, rows, strict=True)
        if (work.model, work.B, work.T, work.H) == ("gru", 32, 100, 32)
    ]
    draw([(work.R, row["milliseconds"]) for work, row in swept if not work.forced], options.out / "benchmark.png")


if __name__ == "__main__":
    main()
