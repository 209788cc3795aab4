"""Laws of an objective: a loss of each prediction that depends on this prediction alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from freerun.laws.toolkit import demand, gap, gradients, noise, only, same_bits, symbols, wrong_laws
from freerun.parts.gaussians import Head, packed
from freerun.parts.objectives import Objective

#: Steps, sequences and width of predictions, from small to large.
SHAPES = ((1, 1, 2), (2, 1, 2), (6, 4, 3))


def case(
    speaks: bool, steps: int = 6, batch: int = 4, width: int = 3, dtype: torch.dtype = torch.float64
) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions and targets: symbols, or values."""
    outputs = noise(steps, batch, width, dtype=dtype).requires_grad_()
    return outputs, symbols(steps, batch, of=width) if speaks else noise(steps, batch, width, seed=1, dtype=dtype)


def _cases(objective: Objective) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Predictions and targets of every kind that the objective is for, small to large, each with its name for a message."""
    demand(objective.for_symbols or objective.for_values, "is for neither symbols nor values")
    for shape in SHAPES:
        for fits, speaks, what in ((objective.for_symbols, True, "symbols"), (objective.for_values, False, "values")):
            if fits and not speaks and objective.head is not None:
                yield f"for distributions {shape} of values", *_distributions(objective.head, *shape)
            elif fits:
                yield f"for predictions {shape} of {what}", *case(speaks, *shape)


def _distributions(head: Head, steps: int, batch: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers of distributions, and values."""
    numbers = head.read(noise(steps, batch, head.width(width), dtype=torch.float64)).requires_grad_()
    return numbers, noise(steps, batch, width, seed=1, dtype=torch.float64)


def _least(objective: Objective) -> float:
    """What a prediction costs at least: 0, or the logarithm of the highest density that its floor allows."""
    return 0.0 if objective.head is None else math.log(objective.head.floor * math.sqrt(2 * math.pi))


def law_each_prediction_has_its_own_loss(objective: Objective) -> None:
    """One loss a prediction, at least 0 (of a distribution what its floor allows), that depends on it and on no other.

    Cure: return one loss a prediction, [S R B], without a mean over time or batch: the engine takes the mean.
    """
    for where, outputs, targets in _cases(objective):
        steps, batch, _ = outputs.shape
        losses = objective(outputs, targets)
        demand(losses.shape == (steps, batch), f"losses {tuple(losses.shape)} {where}")
        demand(bool((losses >= _least(objective)).all()), f"a loss of {losses.min().item():.4g} {where}")
        for t, b in ((0, 0), (steps - 1, batch - 1)):
            (slope,) = gradients(losses[t, b], [outputs])
            demand(bool(slope[t, b].any()), f"the loss at ({t}, {b}) does not depend on its prediction {where}")
            slope = slope.clone()
            slope[t, b] = 0
            demand(not slope.any(), f"the loss at ({t}, {b}) depends on another prediction {where}")


def law_the_target_is_best(objective: Objective) -> None:
    """A prediction of the target itself, as sure as can be, costs 0, and any other more.

    Cure: charge the distance of the prediction from the target at its own step, 0 where they agree; look for a target that is
    off by one step or a sign.
    """
    for where, outputs, targets in _cases(objective):
        right = targets
        if not targets.is_floating_point():
            right = torch.nn.functional.one_hot(targets, outputs.shape[-1]).double() * 1e3
        if objective.head is not None and targets.is_floating_point():
            components, log_weights = objective.head.components, outputs.shape[-1] % (2 * targets.shape[-1])
            sure = torch.full_like(targets, objective.head.floor).repeat(1, 1, components)
            even = torch.full_like(targets[..., :1], -math.log(components)).repeat(1, 1, log_weights)
            right = torch.cat([even, targets.repeat(1, 1, components), sure], -1)
        target_losses, other_losses = objective(right, targets), objective(outputs.detach(), targets)
        worst = float((target_losses - _least(objective)).abs().max())
        demand(
            worst <= (0 if objective.head is None else 1e-12), f"a prediction of the target itself costs {worst:.4g} {where}"
        )
        least = float(other_losses.min())
        demand(
            bool((other_losses > target_losses).all()),
            f"another prediction costs {least:.4g}, no more than the target itself, {where}",
        )


def law_pure(objective: Objective) -> None:
    """Twice the same, nothing changed in place, and in float32 what it is in float64.

    Cure: compute from the arguments alone, change no tensor in place, and make constants in the type of the outputs.
    """
    for where, predictions, targets in _cases(objective):
        outputs = predictions.detach()
        kept = outputs.clone(), targets.clone()
        first, second = objective(outputs, targets), objective(outputs, targets)
        demand(same_bits(outputs, kept[0]), f"the predictions were changed in place {where}")
        demand(same_bits(targets, kept[1]), f"the targets were changed in place {where}")
        demand(same_bits(first, second), f"two calls with the same arguments differ {where}")
        single = objective(outputs.float(), targets.float() if targets.is_floating_point() else targets)
        demand(single.dtype is torch.float32, f"predictions are torch.float32, the losses {single.dtype} {where}")
        off = gap(single.double(), first)
        demand(off < 1e-5, f"in float32 the loss is another by {off:.1e} {where}")  # a few roundings of 6e-8, values below 10


@only(lambda objective: objective.head is not None and objective.head.components == 1, "objectives of one Gaussian")
def law_the_truths_own_distribution_costs_least(objective: Objective) -> str:
    """Of distributions none costs less than the one that the values are drawn from, by five standard errors of paired draws.

    Cure: charge the negative logarithm of the density, with its normalisation: log s is part of it.
    """
    mean, scale, margins = noise(20, 500, 2, dtype=torch.float64), 0.5, []
    values = mean + scale * noise(20, 500, 2, seed=1, dtype=torch.float64)
    best = objective(packed(mean, torch.full_like(mean, scale)), values)
    for what, (centre, width) in wrong_laws(mean, scale).items():
        worse = objective(packed(centre, torch.full_like(mean, max(width, 0.01 * scale))), values) - best
        margins.append(float(worse.mean() / worse.std()) * worse.numel() ** 0.5)
        demand(margins[-1] > 5, f"{what} costs more than the truth's own by {margins[-1]:.1f} standard errors")
    return f"by {min(margins):.0f} standard errors or more"
