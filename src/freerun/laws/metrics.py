"""Laws of a metric: only predictions after the release count, only what has weight, and no infinity is averaged."""

from __future__ import annotations

from dataclasses import replace

import torch

from freerun.laws._observed_rollouts import HORIZON, WARMUP, taken, with_outputs, with_sequences, worlds
from freerun.laws.toolkit import CLOSE, demand, symbols
from freerun.measurement.metrics import Metric
from freerun.parts.feedback import one_hot


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=CLOSE, atol=CLOSE, equal_nan=True)


def _both(a: torch.Tensor, b: torch.Tensor) -> str:
    """The first value in which two measures differ."""
    if a.shape != b.shape:
        return f"{tuple(b.shape)} values, then {tuple(a.shape)}"
    differ = ~torch.isclose(a, b, rtol=CLOSE, atol=CLOSE, equal_nan=True)
    n = int(differ.float().argmax())
    return f"value {n} was {float(b[n]):.4g}, now {float(a[n]):.4g}"


def law_measures_one_value_a_step_or_one_in_all(metric: Metric) -> None:
    """One value for each step since the release, or one in all; the same when measured twice; nothing changed.

    Cure: return `observed.mean(values, observed.weights)`, or one number with `per = "rollout"`; keep nothing between calls.
    """
    for where, seen in worlds(metric):
        kept = [value.clone() for value in (seen.outputs, seen.fed, seen.weights)]
        first, second = taken(metric, seen), taken(metric, seen)
        wanted = HORIZON if metric.per == "step" else 1
        demand(first.shape == (wanted,), f"{tuple(first.shape)} values, not {wanted} ({where})")
        for name, a, b in zip(("outputs", "feeds", "weights"), kept, (seen.outputs, seen.fed, seen.weights), strict=True):
            demand(torch.equal(a, b), f"the {name} were changed in place ({where})")
        demand(_same(first, second), f"measured twice: {_both(second, first)} ({where})")


def law_warmup_is_not_counted(metric: Metric) -> None:
    """Predictions before the release change nothing, even if they are NaN.

    Cure: begin at `observed.warmup`, as `observed.mean` does.
    """
    for where, seen in worlds(metric):
        early = (torch.arange(WARMUP + HORIZON) < WARMUP)[:, None].expand(seen.weights.shape)
        for garbage in (0.0, 1e6, torch.nan):
            before, after = taken(metric, seen), taken(metric, with_outputs(seen, early, garbage))
            demand(
                _same(after, before),
                f"outputs {garbage:.0g} in the warm-up change the measure: {_both(after, before)} ({where})",
            )


def law_padding_changes_nothing(metric: Metric) -> None:
    """Predictions where a target does not count change nothing, even if they are NaN.

    Cure: weigh by `observed.weights`, as `observed.mean` does; select with `torch.where`, since NaN times 0 is NaN.
    """
    for where, seen in worlds(metric):
        for garbage in (0.0, 1e6, torch.nan):
            before, after = taken(metric, seen), taken(metric, with_outputs(seen, seen.weights == 0, garbage))
            demand(
                _same(after, before),
                f"outputs {garbage:.0g} in the padding change the measure: {_both(after, before)} ({where})",
            )


def law_order_does_not_matter(metric: Metric) -> None:
    """The sequences may come in any order.

    Cure: take a mean over sequences, and compare no sequence with its neighbour in the batch.
    """
    for where, seen in worlds(metric):
        order = torch.arange(seen.targets.shape[1]).flip(0)
        before, after = taken(metric, seen), taken(metric, with_sequences(seen, order))
        demand(_same(after, before), f"the sequences in reverse change the measure: {_both(after, before)} ({where})")


def law_never_infinite(metric: Metric) -> None:
    """No value is infinite, also when the model's own prefix has probability 0: that is counted, and not averaged.

    Cure: return NaN where the value is undefined, and count such cases by a metric of their own (`conditioned`, `left_out`).
    """
    for where, seen in worlds(metric):
        count = seen.data.outputs
        fed = one_hot(symbols(*seen.targets.shape[:2], of=count), seen.outputs) if seen.picks is not None else seen.fed
        strayed = replace(seen, fed=fed, outputs=seen.outputs * 100)
        for what, rolled in (("on the truth", seen), ("astray", strayed)):
            values = taken(metric, rolled)
            if bool(values.isinf().any()):
                demand(False, f"value {int(values.isinf().float().argmax())} is infinite {what} ({where})")


def law_nothing_to_count_is_undefined(metric: Metric) -> None:
    """Where no target counts, what is measured on targets is NaN, and not 0.

    Cure: divide by the sum of the weights, as `observed.mean` does, so that nothing to count gives NaN.
    """
    for where, seen in worlds(metric):
        before, after = taken(metric, seen), taken(metric, replace(seen, weights=torch.zeros_like(seen.weights)))
        known = torch.where(after.isnan(), before, after)  # a measure that never looks at what counts stays as it is
        demand(_same(known, before), f"{_both(known, before)}, where no target counts; it should be undefined ({where})")
