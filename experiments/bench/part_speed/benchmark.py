"""Benchmark of the parts: what a setting costs that is off, what it costs when it is on, and what a part costs the others.

Pairs of works are timed in turn, in processor time of one thread, in several processes one after the other, since where memory
happens to lie moves all of a process by some percent. With ``--earlier SRC``, the `src` of another commit with a built engine,
the plain parts are timed there too, a process beside a process. Run from the top of the repository; writes benchmark.json and
benchmark.md into results/bench/part_speed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import freerun

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import made_on, write
from updates import Work

SOURCE = Path(freerun.__file__).parents[1]
CHILD = Path(__file__).with_name("updates.py")
#: Seconds that each side of a pair takes in a round, as near as whole updates allow.
SHARE = 0.05
#: What all of them have.
USUAL = ("task=lorenz63", "task.length=50", "task.sequences=64", "evaluation.warmup=10", "evaluation.horizon=20",
         "evaluation.orbit=0", "training.batch=16", "training.updates=1000000", "training.log_every=1000000")  # fmt: skip
LOGGING = ("training.updates=10", "training.log_every=5")
TEACHER, FREE = "regime=teacher_forcing", "regime=free_running"
MODELS, REGIMES = ("gru", "lstm", "output_recurrent"), ("teacher_forcing", "free_running", "scheduled_sampling")
GRU, JORDAN = ("model=gru", "model.hidden=32"), ("model=output_recurrent", "model.hidden=32")

Pair = tuple[str, Work, Work]


def work(*kinds: Sequence[str], runs: int = 8, engine: str = "auto", apart: bool = False, whole: bool = False) -> Work:
    """Make a work of some kinds of run, in one group or each in its own."""
    told = tuple((*USUAL, *words, *(LOGGING if whole else ())) for words in kinds)
    return Work(groups=tuple((words,) for words in told) if apart else (told,), runs=runs, engine=engine, whole=whole)


def plain() -> dict[str, Work]:
    """What everybody uses, under both engines, for one run and for thirty-two."""
    return {
        f"{model} {regime}, R={runs}, {engine}": work(
            (f"model={model}", "model.hidden=32", f"regime={regime}"), runs=runs, engine=engine
        )
        for model in MODELS for regime in REGIMES for runs in (1, 32) for engine in ("compiled", "reference")
    }  # fmt: skip


def off() -> Iterator[Pair]:
    """Settings that are there and do nothing, beside the run without them."""
    forced, free, coins = (*GRU, TEACHER), (*GRU, FREE), (*GRU, "regime=scheduled_sampling")
    nothing = ("model.layers=1", "model.dropout=0", "training.momentum=0", "training.window=null", "training.levels=constant",
               "training.patience=null", "training.start=null", "training.gradient_norms=false")  # fmt: skip
    yield "every option at its default, written out", work((*free, *nothing)), work(free)
    yield "output_recurrent.order=1", work((*JORDAN, FREE, "model.order=1")), work((*JORDAN, FREE))
    for name, words in {
        "scheduled_sampling, end=1": ("regime=scheduled_sampling", "regime.end=1"),
        "random_unrolling of no step": ("regime=random_unrolling", "regime.last=0"),
        "replay_buffer, fresh=1": ("regime=replay_buffer", "regime.fresh=1"),
    }.items():
        yield f"{name}: teacher_forcing", work((*GRU, *words)), work(forced)
    yield "scheduled_sampling, start=0: free_running", work((*GRU, "regime=scheduled_sampling", "regime.start=0")), work(free)
    yield "coin=step: scheduled_sampling", work((*coins, "regime.coin=step")), work(coins)
    looped = work((*free, "training.patience=null"), whole=True), work(free, whole=True)
    yield "training.patience=null: the loop of training", *looped


def on() -> Iterator[Pair]:
    """Settings that do something, beside the run without them: their price."""
    free, forced = (*GRU, FREE), (*GRU, TEACHER)
    prices: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "gru.layers=2": ((*free, "model.layers=2"), free),
        "dropout=.2 of two layers": ((*free, "model.layers=2", "model.dropout=0.2"), (*free, "model.layers=2")),
        "output_recurrent.order=4": ((*JORDAN, FREE, "model.order=4"), (*JORDAN, FREE)),
        "encoder_decoder: gru": (("model=encoder_decoder", "model.hidden=32", "model.encoder_hidden=32", FREE), free),
        "noisy_forcing: teacher_forcing": ((*GRU, "regime=noisy_forcing"), forced),
        "replay_buffer: teacher_forcing": ((*GRU, "regime=replay_buffer"), forced),
        "noisy_free_running: free_running": ((*GRU, "regime=noisy_free_running"), free),
        "... level=drawn": ((*GRU, "regime=noisy_free_running", "regime.level=drawn"), free),
        "random_unrolling: free_running": ((*GRU, "regime=random_unrolling"), free),
        "error_forcing: free_running": ((*GRU, "regime=error_forcing"), free),
        "huber: squared_error": ((*free, "objective=huber"), free),
        "diverted_chain: squared_error": ((*free, "objective=diverted_chain"), free),
        "gaussian_likelihood: squared_error": ((*free, "objective=gaussian_likelihood"), free),
        "training.window=10": ((*free, "training.window=10"), free),
        "training.levels=ramp": ((*free, "training.levels=ramp"), free),
        "training.optimizer=sgd": ((*free, "training.optimizer=sgd"), free),
        "training.gradient_norms": ((*free, "training.gradient_norms=true"), free),
    }
    for name, (words, without) in prices.items():
        yield name, work(words), work(without)
    for name, words in {
        "training.patience=5": ("training.patience=5",),
        "training.decay=plateau": ("training.decay=plateau",),
        "training.keep=best": ("training.keep=best",),
    }.items():
        yield f"{name}: the loop of training", work((*free, *words), whole=True), work(free, whole=True)


def together() -> Iterator[Pair]:
    """Kinds of run in one group, beside the same runs, each kind in a group of its own."""
    kinds = {
        "free, sampled, sparse": ("free_running", "scheduled_sampling", "sparse_forcing"),
        "forced, noisily forced": ("teacher_forcing", "noisy_forcing"),
        "noise .1 and .2 on own feeds": ("noisy_free_running regime.noise=0.1", "noisy_free_running regime.noise=0.2"),
        "a coin a step and a coin a batch": ("scheduled_sampling", "scheduled_sampling regime.coin=batch"),
    }
    for name, regimes in kinds.items():
        each = [(*GRU, *f"regime={regime}".split()) for regime in regimes]
        for engine in ("compiled", "reference"):
            yield f"{name}, {engine}", work(*each, engine=engine), work(*each, engine=engine, apart=True)


@contextmanager
def child(source: Path, works: Sequence[Work]) -> Iterator[subprocess.Popen[str]]:
    """A process that times works by the Freerun of a source."""
    paths = os.pathsep.join([str(source), str(CHILD.parent)])
    with subprocess.Popen(
        [sys.executable, str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tempfile.gettempdir(),
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        print(json.dumps([asdict(one) for one in works]), file=process.stdin, flush=True)
        yield process
        process.stdin.close()


def timed(process: subprocess.Popen[str], number: int, times: int) -> float:
    """Return the processor seconds of one of so many updates of a work.

    Raises:
        RuntimeError: if the process gives no answer.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    print(number, times, file=process.stdin, flush=True)
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError("a process that times updates has ended; its error stands above")
    return float(answer)


def rounds(sides: Sequence[tuple[subprocess.Popen[str], int]], count: int) -> list[list[float]]:
    """Seconds of an update of each side, round by round, in turn and each time in the other order."""
    times = [max(1, round(SHARE / max(1e-5, timed(*side, 1)))) for side in sides]
    found: list[list[float]] = [[] for _ in sides]
    for number in range(count):
        order = range(len(sides)) if number % 2 else reversed(range(len(sides)))
        for side in order:
            found[side].append(timed(*sides[side], times[side]))
    return found


def compare(pairs: Sequence[Pair], processes: int, count: int) -> list[dict[str, Any]]:
    """Milliseconds of both works of each pair, and the ratio of the first to the second, process by process."""
    works = [one for _, *both in pairs for one in both]
    found: list[list[list[list[float]]]] = [[] for _ in pairs]
    for _ in range(processes):
        with child(SOURCE, works) as process:
            for number in range(len(pairs)):
                found[number].append(rounds([(process, 2 * number), (process, 2 * number + 1)], count))
    return [summary(name, each) for (name, *_), each in zip(pairs, found, strict=True)]


def beside(earlier: Path, works: dict[str, Work], processes: int, count: int) -> list[dict[str, Any]]:
    """The same for each work by this source and by an earlier one, a process of each side by side."""
    found: dict[str, list[list[list[float]]]] = {name: [] for name in works}
    for _ in range(processes):
        with child(SOURCE, list(works.values())) as new, child(earlier, list(works.values())) as old:
            for number, name in enumerate(works):
                found[name].append(rounds([(new, number), (old, number)], count))
    return [summary(name, each) for name, each in found.items()]


def summary(name: str, processes: list[list[list[float]]]) -> dict[str, Any]:
    """Return the median ratio of each process, their median, and the milliseconds of both sides."""
    ratios = sorted(statistics.median(a / b for a, b in zip(*sides, strict=True)) for sides in processes)
    each = [1e3 * statistics.median(value for sides in processes for value in sides[side]) for side in (0, 1)]
    return {"name": name, "milliseconds": each, "ratio": statistics.median(ratios), "ratios": ratios}


STARTS = {
    "import freerun": ["-c", "import freerun"],
    "freerun --help": ["-m", "freerun", "--help"],
    "names of all parts": ["-c", "from freerun.parts import registry\nfor kind in registry.KINDS: registry.parts(kind)"],
    "freerun plan of 100 runs": ["-m", "freerun", "plan", "task=lorenz63", "model=gru", "seed=range(100)"],
}


def started(source: Path, words: list[str]) -> float:
    """Return the processor seconds of a process of its own, in an empty folder.

    Raises:
        RuntimeError: if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(source)}
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def starts(earlier: Path | None, count: int) -> list[dict[str, Any]]:
    """Processor time of some commands, by this source and by an earlier one, in turn."""
    sources, found = [SOURCE, *([earlier] if earlier else [])], []
    for name, words in STARTS.items():
        for source in sources:
            started(source, words)  # compiles what was not
        seconds = [[started(source, words) for source in sources] for _ in range(count)]
        found.append({"name": name, "milliseconds": [1e3 * statistics.median(side) for side in zip(*seconds, strict=True)]})
    return found


def table(found: list[dict[str, Any]], first: str, second: str) -> list[str]:
    """Lines of a table of ratios."""
    lines = [f"| | {first}, ms | {second}, ms | ratio: median | smallest | largest |", "|---|---|---|---|---|---|"]
    for each in found:
        ratios = (each["ratio"], each["ratios"][0], each["ratios"][-1])
        cells = [each["name"], *(f"{value:.3g}" for value in each["milliseconds"]), *(f"{value:.3f}" for value in ratios)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def section(title: str, text: str) -> list[str]:
    """Lines of a heading and what stands below it."""
    return ["", f"## {title}", "", text, ""]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--earlier", type=Path, help="the src of another commit, its engine built")
    parser.add_argument("--out", type=Path, default=Path("results/bench/part_speed"))
    options = parser.parse_args()
    count, earlier = (options.processes, options.rounds), options.earlier and options.earlier.resolve()
    found = {name: compare(list(pairs()), *count) for name, pairs in (("off", off), ("together", together), ("on", on))}
    lines = [
        "# Part speed",
        "",
        "Milliseconds of processor time of one update (batch of 16, 50 steps, H = 32, eight runs of each kind unless it says",
        "otherwise), one thread. The ratio is the median of the rounds of a process; of these the median, the smallest and the",
        f"largest over {options.processes} processes with {options.rounds} rounds each, both sides in turn.",
        made_on(f"torch {torch.__version__}"),
        "Command: `.venv/bin/python experiments/bench/part_speed/benchmark.py`.",
        *section("Off", "A setting that does nothing costs as much as not having it: 1."),
        *table(found["off"], "with it", "without"),
        *section("Together", "Kinds of run in one group cost at most what they cost in groups of their own: 1 or less."),
        *table(found["together"], "together", "apart"),
        *section("On", "What a setting costs that does something, beside the run without it."),
        *table(found["on"], "with it", "without"),
    ]
    if earlier:
        found["earlier"] = beside(earlier, plain(), *count)
        lines += [*section("Beside an earlier commit", "The same runs by both."), *table(found["earlier"], "now", "then")]
    found["starts"] = starts(earlier, options.rounds)
    sides = ["now, ms", *(["then, ms"] if earlier else [])]
    lines += [*section("Starting", "Processor time of a process of its own."), f"| command | {' | '.join(sides)} |"]
    lines += [f"|---{'|---' * len(sides)}|"]
    for each in found["starts"]:
        lines.append(f"| `{each['name']}` | {' | '.join(f'{value:.0f}' for value in each['milliseconds'])} |")
    write(options.out, lines, found)


if __name__ == "__main__":
    main()
