"""Benchmark of the evaluation: all metrics of a study of 90 runs, and the share of `first_look` that measuring takes.

Groups are made as a study makes them, of untrained models; what is timed is `evaluate` alone, in worker processes of one thread
each. Then `first_look` is trained and measured with a few seeds in one process, whose time is told apart.
Run from the top of the repository; writes results/bench/measure_speed/benchmark.json and .md.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

from freerun import Study
from freerun.config.hydra.compose import experiments
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.execution import group_measurement, group_runner
from freerun.execution.group_runner import prepare
from freerun.execution.grouping import groups
from freerun.execution.planned_run import plan
from freerun.measurement.evaluation import evaluate

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import made_on, write

WANTED = 20.0
#: Most that the measures with the players may take of the time of training.
SHARE = 0.15
#: What a study spends its time on: where each is done.
PARTS = {
    "training": (group_runner, "train"),
    "measures": (group_measurement, "_measure"),
    "players": (group_measurement, "_play"),
}
REGIMES = ("teacher_forcing", "free_running", "scheduled_sampling")
STUDIES = {
    "lorenz63": ["task=lorenz63"],
    "lorenz63, with distances": ["task=lorenz63", "evaluation.distances=true"],
    "hidden_markov": ["task=hidden_markov"],
    "hidden_markov, with distances": ["task=hidden_markov", "evaluation.distances=true"],
    "text": ["task=text"],
    "text, with distances": ["task=text", "evaluation.distances=true"],
}


def pieces(words: list[str], seeds: int, limit: int) -> list[list[list[str]]]:
    """The groups of a study, each as the words for its runs."""
    each = [[*words, "training.updates=0", f"regime={regime}", f"seed={seed}"] for seed in range(seeds) for regime in REGIMES]
    runs = plan([experiments(one, sweep=False)[0] for one in each])
    by_id = {run.id: one for run, one in zip(runs, each, strict=True)}
    return [[by_id[run.id] for run in group] for group in groups(runs, limit)]


def measured(work: list[list[list[str]]]) -> tuple[float, float]:
    """Seconds by the clock and of the processor that `evaluate` takes for some groups, one after the other."""
    prepare()
    clock = processor = 0.0
    for words in work:
        runs = [experiments(one, sweep=False)[0] for one in words]
        group = Group(runs, {run.seed: run.task.build(run.seed, max(run.task.length, sum(run.span))) for run in runs})
        lessons = Lessons(group)
        began = time.perf_counter(), time.process_time()
        evaluate(group, lessons)
        clock, processor = clock + time.perf_counter() - began[0], processor + time.process_time() - began[1]
    return clock, processor


def shares(study: str, seeds: int) -> dict[str, float]:
    """Processor seconds of training, of the default measures and of the players of a study, trained in this process."""
    spent = dict.fromkeys(PARTS, 0.0)

    def timed(part: str, does: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(does)
        def run(*arguments: Any) -> Any:
            began = time.process_time()
            try:
                return does(*arguments)
            finally:
                spent[part] += time.process_time() - began

        return run

    for part, (module, name) in PARTS.items():
        setattr(module, name, timed(part, getattr(module, name)))
    with tempfile.TemporaryDirectory() as folder:
        Study(study, name="shares", results=folder, seed=f"range({seeds})").train()
    return spent


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=int, default=15, help="runs of a group; every worker needs some")
    parser.add_argument("--share-seeds", type=int, default=3, help="seeds of first_look, trained for the share of measuring")
    parser.add_argument("--out", type=Path, default=Path("results/bench/measure_speed"))
    options = parser.parse_args()
    found = {}
    for name, words in STUDIES.items():
        work = pieces(words, options.seeds, options.limit)
        with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn")) as pool:
            parts = list(pool.map(measured, [work[k :: options.workers] for k in range(options.workers)]))
        found[name] = {"clock": max(clock for clock, _ in parts), "processor": sum(spent for _, spent in parts)}
        print(name, found[name], flush=True)
    runs = options.seeds * len(REGIMES)
    spent = shares("first_look", options.share_seeds)
    share = (spent["measures"] + spent["players"]) / spent["training"]
    lines = [
        "# Measure speed",
        "",
        f"All measures of {runs} runs: {options.workers} processes of one thread, groups of {options.limit}.",
        f"Wanted: {WANTED:g} s by the clock on two cores.",
        made_on(f"torch {torch.__version__}"),
        "Command: `.venv/bin/python experiments/bench/measure_speed/benchmark.py`.",
        "",
        "| study | seconds | processor seconds a run |",
        "|---|---|---|",
        *(f"| {name} | {each['clock']:.1f} | {each['processor'] / runs:.3f} |" for name, each in found.items()),
        "",
        f"`first_look` with {options.share_seeds} seeds, processor seconds in one process; wanted: measuring at most "
        f"{100 * SHARE:g} % of training.",
        "",
        "| training | measures | players | share of training |",
        "|---|---|---|---|",
        f"| {' | '.join(f'{spent[part]:.1f}' for part in PARTS)} | {100 * share:.1f} % |",
    ]
    write(options.out, lines, {"runs": runs, "studies": found, "first_look": spent})


if __name__ == "__main__":
    main()
