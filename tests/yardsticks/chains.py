"""Accumulated error of two first-order Markov chains, exactly, by matrices alone, for comparison."""

from __future__ import annotations

import torch
from jaxtyping import Float

from freerun.errors import require
from freerun.measurement.accumulated_error import Accumulated, divergences

#: What the rows of a chain may sum to beside 1.
TOLERANCE = 1e-9


def chains(
    true: Float[torch.Tensor, "K K"], model: Float[torch.Tensor, "K K"], start: int | Float[torch.Tensor, " K"], steps: int
) -> Accumulated:
    """Two first-order Markov chains: each row is P(next symbol | symbol).

    Args:
        true, model: transition probabilities, float64; zeros are allowed.
        start: the symbol that stands before the first, or the probabilities of what stands there.
        steps: L.
    """
    for name, each in (("true", true), ("model", model)):
        rows = each.double()
        require(
            rows.shape == (len(rows), len(rows)) == tuple(true.shape), name, tuple(rows.shape), "be square and as wide as true"
        )
        proper = bool((rows >= 0).all()) and bool(((rows.sum(1) - 1).abs() <= TOLERANCE).all())
        require(proper, name, rows.tolist(), f"have rows of probabilities that sum to 1 within {TOLERANCE:g}")
    require(steps >= 1, "steps", steps, "be at least 1")
    if isinstance(start, int):
        require(0 <= start < len(true), "start", start, f"be a symbol from 0 to {len(true) - 1}, or their probabilities")
    true, model = true.double(), model.double()
    found = divergences(true.log(), model.log())
    first = torch.eye(len(true), dtype=torch.float64)[start] if isinstance(start, int) else start.double()
    forced, free, left, gone = [], [], [], torch.zeros((), dtype=torch.float64)
    in_truth, own = first, first
    for _ in range(steps):
        forced.append(_mean(found, in_truth, in_truth.sum()))
        free.append(_mean(found, own, own.sum()))
        gone = gone + (own @ (model * (true == 0))).sum()
        left.append(gone)
        in_truth, own = in_truth @ true, own @ (model * (true > 0))
    return Accumulated(forced=torch.stack(forced, 1), free=torch.stack(free, 1), left=torch.stack(left))


def _mean(values: torch.Tensor, weights: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """The mean over the last axis; what has no weight is not looked at."""
    return torch.where(weights > 0, values * weights, 0.0).sum(-1) / total
