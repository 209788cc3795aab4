"""Benchmark of the parallel scan: models with a diagonal recurrence under teacher forcing, at once and by their own step loop.

Both are timed in turn, forward and backward, in one process on one thread, in processor time. Run from the top of the
repository; writes results/bench/scan_speed/benchmark.csv and .md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from freerun.engine.rollout import rollout
from freerun.execution.group_runner import prepare
from freerun.parts.feedback.mean import Mean
from freerun.parts.layers import initial_weights
from freerun.parts.registry import get

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import made_on, write

T, B, Y = 1000, 8, 3
MODELS = ("min_gru", "lru", "selective_ssm")
#: How many times as fast as its own step loop a scan is to be.
WANTED = 10


def forced(name: str, hidden: int, *, fast: bool) -> Callable[[], None]:
    """Make a model's update under teacher forcing, by `unroll` or by its step loop."""
    model = get("model", name)(hidden=hidden)
    start = initial_weights(model.shapes(Y, Y), [0])
    weights = {key: torch.from_numpy(value).float().requires_grad_() for key, value in start.items()}
    truth = torch.randn(T, 1, B, Y)
    mask = None if fast else torch.ones(T, 1, B)

    def run() -> None:
        result = rollout(model, weights, truth=truth, start=truth[0], feedback=Mean(), mask=mask)
        loss = (result.outputs - truth).square().mean(-1)
        torch.autograd.grad(loss, list(weights.values()), torch.ones_like(loss))

    return run


def seconds(run: Callable[[], None]) -> float:
    """Seconds of the processor that a call takes."""
    began = time.process_time()
    run()
    return time.process_time() - began


def measured(name: str, hidden: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of both, and how many times as fast the scan is round by round."""
    loop, scan = (forced(name, hidden, fast=fast) for fast in (False, True))
    scan()
    pairs = [(seconds(loop), seconds(scan)) for _ in range(rounds)]
    ratios = sorted(slow / fast for slow, fast in pairs)
    slow, fast = (1e3 * statistics.median(part) for part in zip(*pairs, strict=True))
    found = {"ratio": statistics.median(ratios), "smallest": ratios[0], "largest": ratios[-1]}
    return {"model": name, "hidden": hidden, "step_loop_ms": round(slow, 1), "scan_ms": round(fast, 2)} | {
        key: round(value, 2) for key, value in found.items()
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/bench/scan_speed"))
    options = parser.parse_args()
    prepare()
    torch.manual_seed(0)
    rows = [measured(name, hidden, options.rounds) for name in MODELS for hidden in (32, 64)]
    lines = [
        "# Scan speed",
        "",
        f"Loss and gradient under teacher forcing, T={T}, B={B}, R=1, one thread, medians of processor time over",
        f"{options.rounds} rounds, both timed in turn; the ratio is taken round by round. Wanted: at least {WANTED} times as",
        "fast as the step loop.",
        made_on(f"torch {torch.__version__}"),
        f"Load of the machine: {os.getloadavg()[0]:.1f}. Command: `python experiments/bench/scan_speed/benchmark.py`.",
        "",
        "| model | H | step loop, ms | scan, ms | ratio: median | smallest | largest | |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| `{r['model']}` | {r['hidden']} | {r['step_loop_ms']:.0f} | {r['scan_ms']:.1f} | {r['ratio']:.1f} "
            f"| {r['smallest']:.1f} | {r['largest']:.1f} | {'held' if r['ratio'] >= WANTED else 'missed'} |"
            for r in rows
        ),
    ]
    write(options.out, lines, rows)


if __name__ == "__main__":
    main()
