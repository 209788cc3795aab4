"""What a feedback rule owes: what it feeds is what its name says, and so is the gradient it lets through."""

from __future__ import annotations

import torch

from freerun.feedback import Feedback
from freerun.laws import CLOSE, gap, gradients, noise, same_bits

K = 5


def _draws(rule: Feedback, *shape: int, seed: int = 0) -> torch.Tensor | None:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) if rule.random else None


def law_symbols_are_fed_as_distributions(rule: Feedback) -> None:
    """What is fed is a distribution; a discrete rule feeds a whole symbol."""
    if not rule.for_symbols or rule.silent:
        return
    for logits in (noise(50, K), noise(50, K) * 1e4, torch.zeros(3, K).double(), torch.tensor([[0.0, -torch.inf, 1.0]])):
        fed = rule(logits, _draws(rule, len(logits)))
        assert fed.shape == logits.shape, f"fed {tuple(fed.shape)} for outputs {tuple(logits.shape)}"
        assert bool((fed >= 0).all()), f"fed {fed.min()} for a finite output"
        assert gap(fed.sum(-1), torch.ones(len(fed)).to(fed.dtype)) < 1e-6, "what is fed does not sum to 1"  # float32 rounding
        if rule.discrete:
            assert bool(((fed == 0) | (fed == 1)).all()), "a discrete rule feeds something that is not one-hot"


def law_moments(rule: Feedback, count: int = 40_000) -> None:
    """By chance or by mean a rule feeds the softmax; a discrete rule without chance feeds the most probable symbol.

    The chi-square statistic with K - 1 = 4 degrees of freedom passes 33.4 once in a million; the draws are fixed.
    """
    if not rule.for_symbols or rule.silent:
        return
    logits = noise(1, K, seed=3) * 1.5
    p = torch.softmax(logits, -1)[0]
    fed = rule(logits.expand(count, -1), _draws(rule, count)).mean(0)
    if rule.random:
        statistic = float((count * (fed - p) ** 2 / p).sum())
        assert statistic < 33.4, f"fed {fed.tolist()} on average, the softmax is {p.tolist()} (chi-square {statistic:.1f})"
    elif rule.discrete:
        assert int(fed.argmax()) == int(p.argmax()), f"fed symbol {int(fed.argmax())}, the most probable is {int(p.argmax())}"
        assert float(fed.max()) == 1, f"fed a mixture, {fed.tolist()}, not the most probable symbol"
    else:
        assert gap(fed, p) < CLOSE, f"fed {fed.tolist()}, the softmax is {p.tolist()}"


def law_values_are_fed_as_predicted(rule: Feedback) -> None:
    if rule.for_values and not (rule.silent or rule.random):
        outputs = noise(7, 3)
        assert torch.equal(rule(outputs, None), outputs), "a value is fed that was not predicted"


def law_gradient(rule: Feedback) -> None:
    """A soft rule carries the gradient of what it feeds; a discrete rule none, or (straight-through) the softmax's."""
    if rule.silent:
        return
    outputs = noise(6, K).requires_grad_()
    charge = noise(6, K, seed=1)
    (slope,) = gradients((rule(outputs, _draws(rule, 6)) * charge).sum(), [outputs])
    (soft,) = gradients((torch.softmax(outputs, -1) * charge).sum(), [outputs])
    if rule.discrete:
        assert not slope.any() or gap(slope, soft) < CLOSE, (
            "a symbol was chosen, yet a gradient that is not the softmax's flows"
        )
    else:
        wanted = soft if rule.for_symbols else charge
        assert gap(slope, wanted) < CLOSE, "the gradient through the feedback is not that of what was fed"


def law_pure(rule: Feedback) -> None:
    """Twice the same, nothing changed in place, each row on its own, and with the same bits in any batch."""
    for dtype in (torch.float32, torch.float64):
        outputs = noise(37, K, dtype=dtype)
        draws = _draws(rule, 37)
        draws = None if draws is None else draws.to(dtype)
        kept = outputs.clone(), None if draws is None else draws.clone()
        first, again = rule(outputs, draws), rule(outputs, draws)
        assert same_bits(first, again), "two calls with the same arguments differ"
        assert same_bits(outputs, kept[0]), "the outputs were changed in place"
        assert draws is None or same_bits(draws, kept[1]), "the draws were changed in place"
        for n in (0, 17, 36):
            alone = rule(outputs[n : n + 1], None if draws is None else draws[n : n + 1])
            assert same_bits(alone[0], first[n]), f"row {n} is fed something else alone"


def law_every_draw_counts(rule: Feedback) -> None:
    """A random rule inverts its own draw for each row: small draws give early symbols, large draws late ones."""
    if rule.random and rule.for_symbols:
        outputs = torch.zeros(2, K).double()
        fed = rule(outputs, torch.tensor([0.01, 0.99]).double()).argmax(-1).tolist()
        assert fed == [0, K - 1], f"draws .01 and .99 over {K} equal symbols gave {fed}"


def law_silence_has_width_0(rule: Feedback) -> None:
    fed = rule(noise(4, K), _draws(rule, 4))
    assert (fed.shape[-1] == 0) is rule.silent, f"silent is {rule.silent}, but the feed has width {fed.shape[-1]}"
