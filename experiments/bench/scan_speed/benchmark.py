"""Benchmark of the parallel scan: models with a diagonal recurrence under teacher forcing, at once and by their own step loop.

Both are timed in turn, forward and backward, in one process on one thread. Prints the rows of the table in README.md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from freerun.engine.rollout import rollout
from freerun.execution.group_runner import prepare
from freerun.parts.feedback.mean import Mean
from freerun.parts.layers import initial_weights
from freerun.parts.registry import get

T, B, Y = 1000, 8, 3
MODELS = ("min_gru", "lru", "selective_ssm")


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
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    prepare()
    torch.manual_seed(0)
    print("| model | H | step loop, ms | scan, ms | ratio: median | smallest | largest |\n|---|---|---|---|---|---|---|")
    for name in MODELS:
        for hidden in (32, 64):
            loop, scan = (forced(name, hidden, fast=fast) for fast in (False, True))
            scan()
            pairs = [(seconds(loop), seconds(scan)) for _ in range(options.rounds)]
            ratios = [a / b for a, b in pairs]
            slow, fast = (1e3 * statistics.median(part) for part in zip(*pairs, strict=True))
            each = f"{statistics.median(ratios):.1f} | {min(ratios):.1f} | {max(ratios):.1f}"
            print(f"| `{name}` | {hidden} | {slow:.0f} | {fast:.1f} | {each} |")


if __name__ == "__main__":
    main()
