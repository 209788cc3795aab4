"""Steps for which a free forecast stays within a threshold, shared by both metrics of valid prediction time."""

from __future__ import annotations

from jaxtyping import Float, Int

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._true_flow import free_squares

#: The error that ends a forecast, in standard deviations of the training data.
THRESHOLD = 0.4


def told(unit: str, threshold: float) -> str:
    """Return a unit that says by which threshold, where it is not the usual one: measures by two of them are not compared."""
    return unit if threshold == THRESHOLD else f"{unit}, threshold {threshold:g}"


def valid_steps(observed: Observed, threshold: float = THRESHOLD) -> tuple[Int[torch.Tensor, " N"], Int[torch.Tensor, " N"]]:
    """The steps before the first that fails, of each sequence that counts, and how many were looked at.

    What is not finite has failed; steps that do not count are not looked at, nor is anything after the first of them.

    Args:
        threshold: the error that ends a forecast, in standard deviations of the training data.
    """
    steps: tuple[torch.Tensor, torch.Tensor] = observed.once(
        f"valid_steps/{threshold!r}", lambda: _valid_steps(observed, threshold)
    )
    return steps


def _valid_steps(observed: Observed, threshold: float) -> tuple[Int[torch.Tensor, " N"], Int[torch.Tensor, " N"]]:
    return valid_until(free_squares(observed), observed, threshold)


def valid_until(
    squares: Float[torch.Tensor, "S M"], observed: Observed, threshold: float = THRESHOLD
) -> tuple[Int[torch.Tensor, " N"], Int[torch.Tensor, " N"]]:
    """As `valid_steps`, of any forecast of the same sequences, by its squared errors since the release."""
    error = root(squares)
    counts = (observed.weights[observed.warmup :] > 0).int().cumprod(0).bool()
    whole = counts.sum(0)
    failed = ~(error <= threshold) & counts
    steps = torch.where(failed.any(0), (~failed).int().cumprod(0).sum(0), whole)
    return steps[whole > 0], whole[whole > 0]
