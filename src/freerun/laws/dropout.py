"""Laws of dropout: what a model that drops numbers in training owes to the draws that decide."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from freerun.laws._cases import Case, R, cases
from freerun.laws.toolkit import CLOSE, demand, gap, gradients, noise, only, same_bits
from freerun.parts.layers import State
from freerun.parts.models import Model

dropping = only(lambda model: model.thinned > 0, "models with dropout")


def _drawn(model: Model) -> Iterator[tuple[Case, torch.Tensor]]:
    """Cases from small to large, with draws ``[T R B D]``."""
    chance = torch.Generator().manual_seed(5)
    for case in cases(model):
        yield case, torch.rand(case.steps, R, case.batch, model.thinned, generator=chance, dtype=case.dtype)


def _steps(case: Case, draws: torch.Tensor, u: torch.Tensor) -> tuple[torch.Tensor, State]:
    """The step, repeated, each with the draws of its own."""
    outputs, state = [], case.start
    for u_t, drawn in zip(u, draws, strict=True):
        out, state = case.model.dropping(drawn).step(case.weights, u_t, state)
        outputs.append(out)
    return torch.stack(outputs), state


@dropping
def law_dropping_unroll_is_the_step_repeated(model: Model) -> None:
    """With the same draws the short cut and the repeated step agree in output, state and gradient.

    Cure: let `step` and `unroll` multiply by the masks of `dropping` at the same places, that of step t at step t.
    """
    for case, draws in _drawn(model):
        u, weights = case.u, case.weights
        slow, fast = _steps(case, draws, u), model.dropping(draws).unroll(weights, u, case.start)
        charge = noise(*slow[0].shape, seed=1)
        slopes = [gradients((outputs * charge).sum(), [u]) for outputs in (fast[0], slow[0])]
        pairs = [(fast[0], slow[0]), *zip(fast[1], slow[1], strict=True), *zip(*slopes, strict=True)]
        off = max(gap(a, b) for a, b in pairs)
        demand(off < CLOSE, f"unroll and step differ by {off:.1e} {case}")


@dropping
def law_each_draw_decides_for_its_own_row(model: Model) -> None:
    """At every step other draws change the outputs of their own row from then on, and none of another row or replica.

    Cure: make of each draw a mask for its own row and step alone, and use all that `thinned` promises.
    """
    for case, draws in _drawn(model):
        weights, u = case.weights, case.u
        before, _ = model.dropping(draws).unroll(weights, u, case.start)
        for t in range(case.steps):
            turned = draws.clone()
            turned[t, 0, 0] = (draws[t, 0, 0] < 0.5).to(draws.dtype) * 0.999  # what was kept is dropped, and the other way
            turned[t, 0, 0, 0] = 0.0 if draws[t, 0, 0, 0] > 0.5 else 0.999
            after, _ = model.dropping(turned).unroll(weights, u, case.start)
            changed = (after != before).flatten(3).any(-1)
            demand(bool(changed[t, 0, 0]), f"other draws at step {t} change nothing there {case}")
            changed[t:, 0, 0] = False
            demand(not bool(changed.any()), f"the draws of a row at step {t} change another row, or an earlier step {case}")


@dropping
def law_nothing_is_dropped_unless_it_is_asked_for(model: Model) -> None:
    """A model that was bound to draws leaves the model itself as it was: what is measured is the whole of it.

    Cure: let `dropping` return a copy (`copy.copy(self)`) that knows its masks, and leave `self` alone.
    """
    for case, draws in _drawn(model):
        before, _ = model.unroll(case.weights, case.u, case.start)
        model.dropping(draws)
        after, _ = model.unroll(case.weights, case.u, case.start)
        demand(same_bits(before.detach(), after.detach()), f"the model itself drops after `dropping` {case}")
