"""Benchmark of the engine, beside a plain PyTorch loop and beside its own matrix products.

Everything that is compared is timed in turn, in one process, on one thread; the figures are medians of the ratios round by
round. Run with ``make bench``; writes results/bench/engine_speed/benchmark.json and .md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from freerun import Experiment, FreeRunning, Lorenz63, OutputRecurrent, Training
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.engine.rollout import rollout
from freerun.engine.training import Trainer
from freerun.execution.group_runner import prepare
from freerun.parts.feedback.mean import Mean
from freerun.parts.layers import initial_weights
from freerun.parts.registry import get

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import made_on, write

R, B, T, H, Y = 32, 32, 100, 32, 3
UPDATES = 2


def plain_loop() -> Callable[[], None]:
    """Closed-loop training of one seed as it is usually written: GRUCell, Linear, Adam, a loop over time."""
    cell, head = torch.nn.GRUCell(Y, H), torch.nn.Linear(H, Y)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()])
    target = torch.randn(T, B, Y)

    def run() -> None:
        for _ in range(UPDATES):
            h, fed, loss = torch.zeros(B, H), torch.zeros(B, Y), torch.zeros(())
            for t in range(T):
                h = cell(fed, h)
                fed = head(h)
                loss = loss + (fed - target[t]).square().mean()
            optimizer.zero_grad()
            (loss / T).backward()
            optimizer.step()

    return run


def engine() -> Callable[[], None]:
    """The same for R seeds through the whole engine: streams, batches, masks, loss, clipping, Adam."""
    settings = Training(updates=UPDATES, batch=B, log_every=10**6, clip=None)
    task = Lorenz63(length=T, sequences=64)
    experiments = [
        Experiment(task=task, model=get("model", "gru")(hidden=H), regime=FreeRunning(), training=settings, seed=seed)
        for seed in range(R)
    ]
    for experiment in experiments:
        experiment.evaluation.warmup = 0
    data = {seed: task.build(seed, T) for seed in range(R)}
    group = Group(experiments, data)
    trainer = Trainer(group, Lessons(group))

    def run() -> None:
        for update in range(UPDATES):
            trainer.update(update)

    return run


def matrix_products() -> Callable[[], None]:
    """The matrix products of that training step, forward and backward, on as many different operands, and nothing else."""
    fed, hidden, gates = torch.randn(T, R, B, Y), torch.randn(T, R, B, H), torch.randn(T, R, B, 3 * H)
    inward, recurrent, outward = torch.randn(R, Y, 3 * H), torch.randn(R, H, 3 * H), torch.randn(R, H, Y)

    def run() -> None:
        for _ in range(UPDATES):
            for t in range(T):
                f, h, g = fed[t], hidden[t], gates[t]
                for x, w, d in ((f, inward, g), (h, recurrent, g), (h, outward, f)):
                    torch.bmm(x, w)
                    torch.bmm(d, w.mT)
                    torch.bmm(x.mT, d)

    return run


def forced(steps: int, replicas: int, batch: int, *, fast: bool) -> Callable[[], None]:
    """An output-recurrent network under teacher forcing, forward and backward: the fast path or its own step loop."""
    model = OutputRecurrent(hidden=H)
    start = initial_weights(model.shapes(Y, Y), list(range(replicas)))
    weights = {name: torch.from_numpy(value).float().requires_grad_() for name, value in start.items()}
    truth = torch.randn(steps, replicas, batch, Y)
    mask = None if fast else torch.ones(steps, replicas, batch)

    def run() -> None:
        result = rollout(model, weights, truth=truth, start=truth[0], feedback=Mean(), mask=mask)
        loss = (result.outputs - truth).square().mean(-1)
        torch.autograd.grad(loss, list(weights.values()), torch.ones_like(loss))

    return run


def compare(runs: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every run in every round, in turn, after one round that is not counted."""
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(over: list[float], under: list[float]) -> dict[str, float]:
    """Median, smallest and largest of the ratios round by round."""
    each = [a / b for a, b in zip(over, under, strict=True)]
    return {"median": statistics.median(each), "min": min(each), "max": max(each)}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=Path("results/bench/engine_speed"))
    options = parser.parse_args()
    prepare()
    torch.manual_seed(0)
    loop = compare({"plain": plain_loop(), "engine": engine(), "products": matrix_products()}, options.rounds)
    each = {name: statistics.median(s) / UPDATES / (1 if name == "plain" else R) * 1e3 for name, s in loop.items()}
    rows = [
        (
            "closed-loop GRU: plain PyTorch loop over seeds / engine",
            ">= 5",
            ratio([s * R for s in loop["plain"]], loop["engine"]),
        ),
        ("closed-loop GRU: engine / its matrix products alone", "<= 2.5", ratio(loop["engine"], loop["products"])),
    ]
    for replicas, batch in ((1, 8), (1, 32), (8, 32)):
        runs = {name: forced(1000, replicas, batch, fast=name == "fast") for name in ("loop", "fast")}
        path = compare(runs, max(3, options.rounds // 2))
        name = f"teacher-forced output_recurrent, T=1000, R={replicas}, B={batch}: step loop / fast path"
        rows.append((name, ">= 20" if replicas == 1 else "", ratio(path["loop"], path["fast"])))
    lines = [
        "# Engine speed",
        "",
        f"R={R} replicas, B={B}, T={T}, H={H}, float32, one thread; medians over {options.rounds} rounds, each timed in turn.",
        made_on(f"torch {torch.__version__}"),
        "Command: `make bench`.",
        "",
        "| ratio | wanted | median | smallest | largest |",
        "|---|---|---|---|---|",
        *(f"| {n} | {w} | {r['median']:.2f} | {r['min']:.2f} | {r['max']:.2f} |" for n, w, r in rows),
        "",
        "Milliseconds per replica and update: " + ", ".join(f"{name} {value:.2f}" for name, value in each.items()) + ".",
    ]
    numbers = {"ratios": {name: value for name, _, value in rows}, "milliseconds": each, "seconds": loop}
    write(options.out, lines, numbers)


if __name__ == "__main__":
    main()
