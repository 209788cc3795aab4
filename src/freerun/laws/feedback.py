"""Laws of a feedback rule: what it feeds is what its name says, and so is the gradient it lets through."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from freerun.laws.toolkit import CLOSE, demand, gap, gradients, noise, only, same_bits, uniforms
from freerun.parts.feedback import Feedback, one_hot

K = 5
#: Float32 sums of a few numbers around 1.
SUMS = 1e-6
#: Central differences of step 1e-5 in float64: 1e-10 from the third derivative, 1e-11 from rounding; a hundred times that.
SLOPES = 1e-8


def _speaks(rule: Feedback) -> bool:
    return rule.for_symbols and not rule.silent


def _stages(rule: Feedback) -> Iterator[tuple[str, Feedback]]:
    """The rule at the beginning, half way and at the end of training, each with its name for a message."""
    for progress in (0.0, 0.5, 1.0):
        stage = rule.at(progress)
        if stage is rule:
            yield "", rule
            return
        yield f" (at {progress:.0%} of the updates)", stage


def draws_for(rule: Feedback, *shape: int, of: int = K, seed: int = 0) -> torch.Tensor | None:
    """The draws that a rule needs for outputs of a leading shape: none, one a row, or one a symbol."""
    if rule.random_each:
        return uniforms(*shape, of, seed=seed)
    return uniforms(*shape, seed=seed) if rule.random else None


def _text(row: torch.Tensor) -> str:
    return "[" + ", ".join(f"{value:.4g}" for value in row.tolist()) + "]"


def law_silence_has_width_0(rule: Feedback) -> None:
    """A silent rule feeds a vector of width 0, and no other rule does.

    Cure: set `silent = True` for a rule that feeds nothing, and let it return `outputs[..., :0]`.
    """
    fed = rule(noise(1, K), draws_for(rule, 1))
    demand((fed.shape[-1] == 0) is rule.silent, f"silent is {rule.silent}, but the feed has width {fed.shape[-1]}")


@only(_speaks, "rules that feed symbols")
def law_symbols_are_fed_as_distributions(rule: Feedback) -> None:
    """What is fed is a distribution over the symbols; a discrete rule feeds one whole symbol.

    Cure: return entries of at least 0 that sum to 1 over the symbols; a `discrete` rule returns `one_hot(index, outputs)`.
    """
    impossible = torch.tensor([[0.0, -torch.inf, 1.0]]).double()
    for logits in (torch.zeros(1, 2).double(), torch.zeros(1, K).double(), impossible, noise(50, K), noise(50, K) * 1e4):
        for when, stage in _stages(rule):
            fed = stage(logits, draws_for(rule, len(logits), of=logits.shape[-1]))
            demand(fed.shape == logits.shape, f"fed {tuple(fed.shape)} for outputs {tuple(logits.shape)}")
            for out, row in zip(logits, fed, strict=True):
                shown = f"fed {_text(row)} for the output {_text(out)}{when}"
                demand(bool((row >= 0).all()), f"{shown}: not a probability")
                demand(abs(float(row.sum()) - 1) < SUMS, f"{shown}: does not sum to 1")
                whole = bool(((row == 0) | (row == 1)).all())
                demand(whole or not rule.discrete, f"{shown}: a discrete rule feeds something that is not one symbol")


@only(_speaks, "rules that feed symbols")
def law_moments(rule: Feedback, count: int = 40_000) -> None:
    """By chance or by mean a rule feeds the softmax; a discrete rule without chance the most probable symbol.

    A random rule that feeds mixtures is looked at by the symbol it weighs most. The chi-square statistic with K - 1 = 4 degrees
    of freedom passes 33.4 once in a million; the draws are fixed.

    Cure: feed the softmax of the outputs in mean (or, discrete and without chance, their argmax); no temperature that is not a
    setting.
    """
    logits = noise(1, K, seed=3) * 1.5
    p = torch.softmax(logits, -1)[0]
    for when, stage in _stages(rule):
        if rule.random or rule.random_each:
            fed = stage(logits.expand(count, -1), draws_for(rule, count))
            rate = one_hot(fed.argmax(-1), fed).mean(0)
            statistic = float((count * (rate - p) ** 2 / p).sum())
            shown = f"symbols come at rates {_text(rate)}, the softmax is {_text(p)} (chi-square {statistic:.1f} > 33.4)"
            demand(statistic < 33.4, f"{shown}, {count:,} draws{when}")
        elif rule.discrete:
            fed = stage(logits, None)[0]
            chosen, wanted = int(fed.argmax()), int(p.argmax())
            demand(chosen == wanted, f"fed symbol {chosen}, the most probable is {wanted}, of {_text(p)}{when}")
            demand(float(fed.max()) == 1, f"fed a mixture, {_text(fed)}, not the most probable symbol{when}")
        else:
            fed = stage(logits, None)[0]
            demand(gap(fed, p) < CLOSE, f"fed {_text(fed)}, the softmax is {_text(p)}{when}")


@only(lambda rule: rule.for_values and not (rule.silent or rule.random or rule.random_each), "rules that feed values")
def law_values_are_fed_as_predicted(rule: Feedback) -> None:
    """A value is fed exactly as it was predicted.

    Cure: return the outputs as they are, or set `random = True` for a rule with noise, which is then given its draws.
    """
    for outputs in (torch.ones(1, 1).double(), noise(7, 3)):
        for out, fed in zip(outputs, rule(outputs, None), strict=True):
            demand(torch.equal(fed, out), f"fed {_text(fed)} for the prediction {_text(out)}")


@only(lambda rule: not rule.silent, "rules that feed something")
def law_gradient(rule: Feedback) -> None:
    """A soft rule carries the gradient of what it feeds; a discrete one none, or (straight-through) its softmax's.

    Cure: take out `detach()`, `no_grad` and `item()` of a soft rule; a discrete one carries none, and straight-through is hard
    + soft - soft.detach().
    """
    for rows in (1, 6):
        for when, stage in _stages(rule):
            outputs, charge, draws = noise(rows, K).requires_grad_(), noise(rows, K, seed=1), draws_for(rule, rows)
            (slope,) = gradients((stage(outputs, draws) * charge).sum(), [outputs])
            if rule.discrete:
                allowed = [torch.zeros_like(outputs), *_straight_through(stage, outputs, charge, draws)]
                fine = any(gap(slope, wanted) < CLOSE for wanted in allowed)
                reason = f"a symbol was chosen, yet a gradient that is not the softmax's flows: {_text(slope[0])}"
                demand(fine, f"{reason} for the output {_text(outputs[0])}{when}")
            else:
                wanted = _differences(stage, outputs.detach(), charge, draws)
                off = gap(slope, wanted)
                reason = f"the gradient is {_text(slope[0])}, that of what was fed is {_text(wanted[0])}"
                demand(off < SLOPES, f"{reason}, for the output {_text(outputs[0])}{when}")


def law_what_carries_no_gradient_has_none(rule: Feedback) -> None:
    """A rule that says that what it feeds carries no gradient has none: an experiment then takes no cut for a setting.

    Cure: detach what is fed, or leave `carries` at True.
    """
    outputs = noise(6, K).requires_grad_()
    fed = rule(outputs, draws_for(rule, 6))
    flows = bool(fed.numel()) and fed.requires_grad
    demand(rule.carries or not flows, "says that it carries no gradient, and one flows through it")
    demand(flows or not rule.carries, "says that it carries a gradient, and none flows through it")


def _straight_through(
    rule: Feedback, outputs: torch.Tensor, charge: torch.Tensor, draws: torch.Tensor | None
) -> list[torch.Tensor]:
    """The gradients that a chosen symbol may borrow: of the softmax at the rule's temperature, with its Gumbel noise if any."""
    temperature = getattr(rule, "temperature", 1.0)
    logits = [outputs]
    if rule.random_each and draws is not None:
        logits.append(outputs - torch.log(-torch.log(draws)))
    return [gradients((torch.softmax(logit / temperature, -1) * charge).sum(), [outputs])[0] for logit in logits]


def _differences(rule: Feedback, outputs: torch.Tensor, charge: torch.Tensor, draws: torch.Tensor | None) -> torch.Tensor:
    """The gradient by central differences, a column at a time: rows know nothing of each other."""
    h = 1e-5
    columns = []
    for k in range(outputs.shape[-1]):
        step = torch.zeros_like(outputs)
        step[:, k] = h
        columns.append(((rule(outputs + step, draws) - rule(outputs - step, draws)) * charge).sum(-1) / (2 * h))
    return torch.stack(columns, -1)


def law_pure(rule: Feedback) -> None:
    """Twice the same, nothing changed in place, each row on its own, and with the same bits in any batch.

    Cure: compute each row from its own outputs and draw alone: no own chance, no mean over the batch, nothing in place.
    """
    for dtype in (torch.float64, torch.float32):
        for rows in (1, 2, 5, 37):
            outputs, draws = noise(rows, K, dtype=dtype), draws_for(rule, rows)
            draws = None if draws is None else draws.to(dtype)
            kept = outputs.clone(), None if draws is None else draws.clone()
            for when, stage in _stages(rule):
                case = f"{rows} rows of {dtype}{when}"
                first, second = stage(outputs, draws), stage(outputs, draws)
                demand(same_bits(outputs, kept[0]), f"the outputs were changed in place ({case})")
                demand(
                    draws is None or kept[1] is None or same_bits(draws, kept[1]), f"the draws were changed in place ({case})"
                )
                demand(same_bits(first, second), f"two calls with the same arguments differ ({case})")
                for n in sorted({0, rows // 2, rows - 1}):
                    alone = stage(outputs[n : n + 1], None if draws is None else draws[n : n + 1])
                    demand(same_bits(alone[0], first[n]), f"row {n} is fed something else alone than among {case}")


@only(lambda rule: rule.random and not rule.random_each and rule.for_symbols, "rules that draw one number a row")
def law_every_draw_counts(rule: Feedback) -> None:
    """A random rule inverts its own draw for each row: small draws give early symbols, large draws late ones.

    Cure: invert the distribution function: the number of symbols whose summed probability lies below the draw, `(cumsum <
    uniform[..., None]).sum(-1)`.
    """
    for count in (2, K):
        outputs = torch.zeros(2, count).double()
        fed = rule(outputs, torch.tensor([0.01, 0.99]).double()).argmax(-1).tolist()
        demand(fed == [0, count - 1], f"draws .01 and .99 over {count} equal symbols gave {fed}")
