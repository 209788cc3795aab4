"""Laws of a metric: only predictions after the release count, only what has weight, and no infinity is averaged."""

from __future__ import annotations

from dataclasses import replace

import torch

from freerun.laws._observed_rollouts import HORIZON, WARMUP, distributions, taken, with_outputs, with_sequences, worlds
from freerun.laws.toolkit import CLOSE, demand, noise, only, symbols, wrong_laws
from freerun.measurement.metrics import Metric, Observed
from freerun.parts.feedback import one_hot
from freerun.parts.gaussians import packed


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


#: Batches over which a score of distributions is averaged, sequences of each, and the standard deviation of what is drawn.
BATCHES, EACH, SCALE = 10, 4, 0.5


@only(lambda metric: metric.of_distributions and metric.quantity.better != "neither", "scores of predicted distributions")
def law_the_truths_own_distribution_wins(metric: Metric) -> str:
    """By a score of distributions nobody beats the one that the truth is drawn from, in closed form or by an ensemble of it.

    Set beside it are one that is shifted, too wide, too narrow, both, and its mean as one sure value; each is worse by three
    standard errors of paired batches at least.

    Cure: score by a strictly proper rule of the whole distribution (Gneiting & Raftery 2007), estimated fairly from members.
    """
    margins = []
    for where, seen in distributions():
        seen = with_sequences(seen, torch.arange(BATCHES * EACH) % seen.weights.shape[1])
        mean = seen.outputs.double()
        seen = replace(seen, targets=mean + SCALE * noise(*mean.shape, seed=11), weights=torch.ones_like(seen.weights))
        best = _scored(metric, seen, mean, SCALE)
        for what, (centre, scale) in wrong_laws(mean, SCALE).items():
            worse = (best - _scored(metric, seen, centre, scale)) * metric.quantity.sign
            margin = float(worse.mean() / (worse.std() / len(worse) ** 0.5))
            demand(margin > 3, f"{what} is worse than the truth's own by {margin:.1f} standard errors ({where})")
            margins.append(margin)
    return f"by {min(margins):.0f} standard errors or more"


def _scored(metric: Metric, seen: Observed, mean: torch.Tensor, scale: float) -> torch.Tensor:
    """The score of Gaussians of each batch, the mean over steps; where an ensemble is asked for, of as many draws of them."""
    seen = replace(seen, outputs=mean, numbers=packed(mean, torch.full_like(mean, scale)))
    asked = metric.asks(seen)
    if asked is not None:
        times = asked.sequences.targets.shape[1] // mean.shape[1]
        centre = mean.repeat_interleave(times, 1)
        members = with_sequences(seen, torch.arange(mean.shape[1]).repeat_interleave(times))
        seen.further = replace(members, fed=centre + scale * noise(*centre.shape, seed=12))
    parts = (_batch(seen, n, asked is not None) for n in range(BATCHES))
    return torch.stack([metric.measure(part).nanmean() for part in parts]).double()


def _batch(seen: Observed, n: int, several: bool) -> Observed:
    """Some sequences of a rollout, with their members where there are some."""
    part = with_sequences(seen, torch.arange(n * EACH, (n + 1) * EACH))
    if several and seen.further is not None:
        times = seen.further.fed.shape[1] // seen.fed.shape[1]
        part.further = with_sequences(seen.further, torch.arange(n * EACH * times, (n + 1) * EACH * times))
    return part
