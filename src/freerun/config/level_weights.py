"""Weights of the loss by time level: how much the prediction of each step after the release counts.

    L = sum_k w_k l_k / sum_k w_k,   k = 1, 2, ... the steps that are charged, the first after the warm-up is 1

    constant    w_k = 1
    geometric   w_k = ratio^(k - 1): below 1 near steps count more (the discount of a long rollout), above 1 late ones
    ramp        w_k = k
    last        w_k = 1 for the last step of a sequence that is charged, 0 for the others

The `time_level_weights` of trainax (Koehler, Niedermayr, Westermann & Thuerey 2024, "APEBench: a benchmark for autoregressive
neural emulators of PDEs", appendix on training methodologies), which sums them where this takes the mean over the weights: the
learning rate does not have to follow the schedule. Training alone is weighted; what is measured, the validation loss among it,
counts all steps alike.
"""

from __future__ import annotations

from enum import Enum
from itertools import accumulate, repeat
from operator import mul


class Levels(Enum):
    """How the weight of a prediction moves over the steps after the release."""

    constant = "constant"
    geometric = "geometric"
    ramp = "ramp"
    last = "last"


def level_weights(levels: Levels, ratio: float | None, count: int) -> list[float]:
    """Return the weight of each of `count` steps, the largest of which is 1 or the last; `last` weighs them alike.

    Args:
        ratio: of one weight to the one before, for `geometric`; by products alone, so that it has the same bits everywhere.
    """
    if levels is Levels.ramp:
        return [float(k + 1) for k in range(count)]
    if levels is Levels.geometric and ratio is not None:
        steps = list(accumulate(repeat(min(ratio, 1 / ratio), count - 1), mul, initial=1.0)) if count else []
        return steps if ratio <= 1 else steps[::-1]
    return [1.0] * count
