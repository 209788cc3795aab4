"""Benchmark of whole updates: the compiled engine beside the loop in PyTorch, a plain loop over seeds, and bare products.

An update is all of it: streams, batches, masks, rollout, loss, gradient, clipping, Adam. Everything that is compared is timed
in turn, in one process, on one thread, in processor time; the figures are medians of ratios round by round. Run with ``make
bench``; writes results/bench/rollout_speed/benchmark.json and .md.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from freerun import Experiment, FreeRunning, Lorenz63, TeacherForcing, Training
from freerun.engine import engine_choice
from freerun.engine.compiled.library import library
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.training import Trainer
from freerun.execution.group_runner import prepare
from freerun.parts.registry import get

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import made_on, write

Y = 3


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is timed: R replicas of a model, batch B, T steps, hidden width H."""

    model: str
    R: int
    B: int
    T: int
    H: int
    forced: bool = False

    def __str__(self) -> str:
        return f"{self.model} {'forced' if self.forced else 'closed loop'}, R={self.R}, B={self.B}, T={self.T}, H={self.H}"


ROWS = (
    Work(model="gru", R=32, B=32, T=100, H=32),
    Work(model="gru", R=100, B=16, T=50, H=16),
    Work(model="gru", R=32, B=64, T=100, H=64),
    Work(model="gru", R=1, B=32, T=100, H=32),
    Work(model="gru", R=32, B=32, T=100, H=32, forced=True),
    Work(model="gru", R=1, B=32, T=100, H=32, forced=True),
    Work(model="lstm", R=32, B=32, T=100, H=32),
    Work(model="hidden_recurrent", R=32, B=32, T=100, H=32),
    Work(model="output_recurrent", R=32, B=32, T=100, H=32),
)
#: How many numbers a cell has for each of its hidden units, and whether it carries them from step to step.
GATES = {"gru": 3, "lstm": 4, "hidden_recurrent": 1, "output_recurrent": 1}


def engine(work: Work, name: str) -> Callable[[], None]:
    """One update of all replicas through the whole engine, computed as `name` says."""
    engine_choice.use(name)
    task = Lorenz63(length=work.T, sequences=64)
    regime = TeacherForcing() if work.forced else FreeRunning()
    experiments = [
        Experiment(
            task=task, model=get("model", work.model)(hidden=work.H), regime=regime, seed=seed,
            training=Training(updates=10**6, batch=work.B, log_every=10**6),
        )
        for seed in range(work.R)
    ]  # fmt: skip
    for experiment in experiments:
        experiment.evaluation.warmup = 0
    group = Group(experiments, {seed: task.build(seed, work.T) for seed in range(work.R)})
    trainer, update = Trainer(group, Lessons(group)), 0

    def run() -> None:
        nonlocal update
        engine_choice.use(name)
        trainer.update(update)
        update += 1

    return run


def plain_loop(work: Work) -> Callable[[], None]:
    """One update of one seed as it is usually written: a cell, a linear map, Adam, a loop over time; `nn.GRU` where forced."""
    head = torch.nn.Linear(work.H, Y)
    target, start = torch.randn(work.T, work.B, Y), torch.zeros(work.B, Y)
    cells: dict[str, Callable[[], torch.nn.Module]] = {
        "gru": lambda: torch.nn.GRU(Y, work.H) if work.forced else torch.nn.GRUCell(Y, work.H),
        "lstm": lambda: torch.nn.LSTMCell(Y, work.H),
        "hidden_recurrent": lambda: torch.nn.RNNCell(Y, work.H),
        "output_recurrent": lambda: torch.nn.Linear(Y, work.H),
    }
    cell = cells[work.model]()
    weights = [*cell.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights)

    def outputs() -> torch.Tensor:
        if work.forced:
            return head(cell(torch.cat([start[None], target[:-1]]))[0])
        fed, made, h = start, [], torch.zeros(work.B, work.H)
        c = h
        for _ in range(work.T):
            if work.model == "lstm":
                h, c = cell(fed, (h, c))
            else:
                h = torch.tanh(cell(fed)) if work.model == "output_recurrent" else cell(fed, h)
            fed = head(h)
            made.append(fed)
        return torch.stack(made)

    def run() -> None:
        optimizer.zero_grad()
        (outputs() - target).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()

    return run


def products(work: Work) -> Callable[[], None]:
    """The matrix products of that update, forward and backward, on as many different operands, and nothing else."""
    wide = GATES[work.model] * work.H
    fed, hidden, gates = (torch.randn(work.T, work.R, work.B, width) for width in (Y, work.H, wide))
    inward, recurrent, outward = (torch.randn(work.R, *shape) for shape in ((Y, wide), (work.H, wide), (work.H, Y)))

    def run() -> None:
        for t in range(work.T):
            f, h, g = fed[t], hidden[t], gates[t]
            for x, w, d in ((f, inward, g), (h, recurrent, g), (h, outward, f)):
                if w is recurrent and work.model == "output_recurrent":
                    continue
                torch.bmm(x, w)
                torch.bmm(d, w.mT)
                torch.bmm(x.mT, d)

    return run


def prototype(work: Work, source: Path) -> Callable[[], None]:
    """Loss and gradient of a GRU in closed loop by a C file with `train(R, B, T, weights, target, gradient, loss, room)`."""
    path = Path(tempfile.mkdtemp()) / "prototype.so"
    words = ["gcc", "-O3", "-march=native", "-shared", "-fPIC", f"-DH={work.H}", str(source), "-o", str(path), "-lm"]
    subprocess.run(words, check=True)
    loaded = ctypes.CDLL(str(path))
    size = loaded.nw()
    room = [torch.randn(work.R, size) * 0.1, torch.randn(work.T, work.R, work.B, Y), torch.empty(work.R, size)]
    room += [torch.empty(work.R, dtype=torch.float64), torch.empty((6 * work.T + 20) * work.B * (work.H + Y) * 2)]
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in room]
    kept = (room, loaded)

    def run() -> None:
        assert kept
        loaded.train(work.R, work.B, work.T, *pointers)

    return run


def compare(runs: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of the processor for every run in every round, in turn, after two rounds that are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 2):
        for name, run in runs.items():
            began = time.thread_time()
            run()
            if number > 1:
                seconds[name].append(time.thread_time() - began)
    return seconds


def measured(work: Work, rounds: int, source: Path | None) -> dict[str, Any]:
    """Milliseconds per replica and update of every contender, and the ratio of each to the compiled engine round by round."""
    runs = {"compiled": engine(work, "compiled"), "reference": engine(work, "reference"), "plain loop": plain_loop(work)}
    runs["products"] = products(work)
    if source is not None and work.model == "gru" and not work.forced:
        runs["prototype"] = prototype(work, source)
    seconds = compare(runs, rounds)
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
    ratio, value = found["ratios"][name], found["milliseconds"][name]
    if name == "compiled":
        return f"{value:.3g}"
    return f"{value:.3g} ({ratio['median']:.2f}x, {ratio['min']:.2f} to {ratio['max']:.2f})"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--prototype", type=Path, help="a C file to compare with")
    parser.add_argument("--out", type=Path, default=Path("results/bench/rollout_speed"))
    options = parser.parse_args()
    if (built := library()) is None:
        sys.exit("the compiled engine is not built here")
    prepare()
    torch.manual_seed(0)
    rows = []
    for work in ROWS:
        rows.append(measured(work, options.rounds, options.prototype))
        print(rows[-1]["work"], rows[-1]["milliseconds"], flush=True)
    loads = [row["load"] for row in rows]
    names = ("compiled", "reference", "plain loop", "products", "prototype")
    lines = [
        "# Rollout speed",
        "",
        "Milliseconds per replica and whole update (streams, batch, mask, rollout, loss, gradient, clipping, Adam), float32,",
        "one thread, medians of processor time, which other work on the machine bends least; in brackets how many times the",
        "compiled engine's that is: the median of the rounds, the smallest and the largest.",
        f"{options.rounds} rounds, all timed in turn. `reference`: the same update by the loop in PyTorch; `plain loop`: one",
        "seed after the other with the cells of `torch.nn`; `products`: the batched matrix products of the update alone;",
        "`prototype`: loss and gradient alone, by the C file that is named.",
        "",
        made_on(f"torch {torch.__version__}, engine {built.instructions}"),
        f"Load of the machine: {min(loads):.1f} to {max(loads):.1f}. Command: `make bench`.",
        "",
        f"| work | {' | '.join(names)} |",
        f"|---{'|---' * len(names)}|",
        *(f"| {row['work']} | {' | '.join(shown(row, name) for name in names)} |" for row in rows),
    ]
    write(options.out, lines, {"rows": rows})


if __name__ == "__main__":
    main()
