"""Laws of the release: what a model that tells the warm-up from what follows owes behind it."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from freerun.engine.rollout import Gradient, rollout
from freerun.laws._cases import RUNS, Case, R, Run, cases, loop, widths
from freerun.laws._loops import B, K, T, coins, filled, values
from freerun.laws._loops import R as ROWS
from freerun.laws.toolkit import CLOSE, demand, gap, gradients, noise, only, same_bits, shifted, weights_of
from freerun.parts.feedback.mean import Mean
from freerun.parts.layers import State, Weights
from freerun.parts.models import Model

#: Steps of the warm-up in front of the steps of a case.
WARMUP = 2
releasing = only(lambda model: model.releases, "models that tell the warm-up from what follows")


def _released(case: Case, weights: Weights, begin: torch.Tensor) -> State:
    """The state behind a warm-up."""
    start = case.model.start(begin.shape[1], case.batch, begin[0])
    return case.model.release(weights, case.model.unroll(weights, begin, start)[1])


def _begin(case: Case) -> torch.Tensor:
    """What is read within the warm-up."""
    return noise(WARMUP, R, case.batch, case.inputs, seed=4, dtype=case.dtype)


def _behind(model: Model, least: int = 1) -> Iterator[tuple[Case, dict[str, torch.Tensor], torch.Tensor, State]]:
    for case in cases(model, deaf=False, least=least):
        weights = case.weights
        yield case, weights, case.u, _released(case, weights, _begin(case))


@releasing
def law_released_unroll_is_the_step_repeated(model: Model) -> None:
    """Behind the release the short cut and the repeated step agree in output, state and gradient, also in two parts.

    Cure: let `step` and `unroll` read the state that `release` returns in one and the same way.
    """
    for case, weights, u, state in _behind(model):
        slow, fast = loop(model, weights, u, state), model.unroll(weights, u, state)
        charge = noise(*slow[0].shape, seed=1)
        slopes = [gradients((outputs * charge).sum(), [u, *weights.values()]) for outputs in (fast[0], slow[0])]
        demand(gap(fast[0], slow[0]) < CLOSE, f"unroll and step differ by {gap(fast[0], slow[0]):.1e} {case}")
        for a, b in zip(fast[1], slow[1], strict=True):
            demand(gap(a, b) < CLOSE, f"unroll leaves another state than the steps, by {gap(a, b):.1e} {case}")
        for name, a, b in zip(["the inputs", *weights], *slopes, strict=True):
            demand(gap(a, b) < CLOSE, f"the gradient of {name} differs by {gap(a, b):.1e} between unroll and step {case}")
        for cut in range(1, case.steps):
            first, middle = model.unroll(weights, u[:cut], state)
            second, _ = model.unroll(weights, u[cut:], middle)
            off = gap(torch.cat([first, second]), fast[0])
            demand(off < CLOSE, f"continued after step {cut - 1} behind the release, the outputs are {off:.1e} off {case}")


@releasing
def law_the_warmup_is_read(model: Model) -> None:
    """Every step of the warm-up reaches the last output behind it, and no row of a batch or replica another.

    Cure: hand all that the warm-up has left to `release`, for each row and replica apart.
    """
    for case in cases(model, deaf=False, least=2):
        weights, begin = case.weights, _begin(case).requires_grad_()
        outputs, _ = model.unroll(weights, case.u, _released(case, weights, begin))
        (slope,) = gradients(outputs[-1, 0, 0].sum(), [begin])
        demand(bool(slope[:, 0, 0].any(-1).all()), f"a step of the warm-up does not reach the last output {case}")
        demand(not bool(slope[:, 1:].any() or slope[:, :, 1:].any()), f"a row depends on the warm-up of another {case}")


@releasing
def law_behind_the_release_deaf_as_declared(model: Model) -> None:
    """A model that is `deaf` keeps every bit whatever is fed behind the first step; any other reads each feed.

    Cure: set `deaf = True` if nothing that is fed behind the first step is read; else read each feed.
    """
    for case, weights, u, state in _behind(model, least=2):
        for name, run in RUNS.items():
            outputs, _ = run(model, weights, u, state)
            (slope,) = gradients(outputs[-1].sum(), [u])
            feeds = slope[..., case.inputs - case.outputs :].flatten(1).any(1)
            demand(bool(feeds[0]), f"{name}: the last feed of the warm-up is not read {case}")
            demand(model.deaf or bool(feeds.all()), f"{name}: a feed behind the release is not read {case}")
            if model.deaf and case.inputs >= case.outputs:
                spoiled = u.detach().clone()
                spoiled[1:, ..., case.inputs - case.outputs :] = torch.nan
                again, _ = run(model, weights, spoiled, state)
                demand(same_bits(outputs.detach(), again.detach()), f"{name}: deaf is true, but a later feed is read {case}")


@releasing
def law_same_bits_behind_the_release(model: Model) -> None:
    """Outputs and gradients through warm-up and release have the same bits for each replica alone and in a group.

    Cure: rounding is no error of the model: use `logistic`, `project`, `affine`, `scaled` and `per_replica` of
    `freerun.parts.layers` in `release` too.
    """
    for batch in (1, 3, 4):
        for inputs, outputs in widths(model, odd=True):
            for dtype in (torch.float32, torch.float64):
                case = Case(model=model, steps=5, batch=batch, inputs=inputs, outputs=outputs, dtype=dtype)
                weights, u, begin = (
                    {name: value.detach() for name, value in case.weights.items()},
                    case.u.detach(),
                    _begin(case),
                )
                for name, run in RUNS.items():
                    together = _left_by(run, case, {key: value.clone() for key, value in weights.items()}, u, begin)
                    for r in range(R):
                        parts = {key: shifted(value[r : r + 1], 8) for key, value in weights.items()}
                        alone = _left_by(
                            run, case, parts, shifted(u[:, r : r + 1], 8), shifted(begin[:, r : r + 1], 8), first=r
                        )
                        for key, value in alone.items():
                            same = same_bits(value[0], together[key][r])
                            demand(same, f"{name}: {key} of replica {r} has other bits alone behind the release {case}")


def _left_by(
    run: Run, case: Case, weights: Weights, u: torch.Tensor, begin: torch.Tensor, first: int = 0
) -> dict[str, torch.Tensor]:
    leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
    charge = noise(case.steps, R, case.batch, case.outputs, seed=1, dtype=case.dtype)[:, first : first + u.shape[1]]
    out, _ = run(case.model, leaves, u, _released(case, leaves, begin))
    slopes = gradients((out * charge).sum(), list(leaves.values()))
    return {"outputs": out.detach().transpose(0, 1), **dict(zip(leaves, slopes, strict=True))}


@releasing
def law_the_loop_releases_where_it_is_told(model: Model) -> None:
    """Until the release as without one, then otherwise; step by step or at once; where deaf, forced is free, to the bit.

    Cure: leave it to the engine to call `release`; tell warm-up from what follows by the state alone, never by counting steps.
    """
    weights, (truth, start) = weights_of(model, K + 1, K, ROWS), values()
    x, leaves = noise(T, ROWS, B, 1, seed=3), list(weights.values())
    given = {"truth": truth, "start": start, "feedback": Mean(), "inputs": x}
    plain, level = rollout(model, weights, mask=None, **given).outputs, noise(T, ROWS, B, K, seed=4)  # type: ignore[arg-type]
    for first in range(T + 1):
        prefix = filled(0)
        prefix[:first] = 1
        moving = {"free": prefix, "coins": torch.maximum(prefix, coins())}
        masks = {"forced": None, "ones": filled(1), **moving}
        case = f"(released at step {first} of {T})"
        for gradient in (Gradient(), Gradient(state=3)):
            made = {
                name: rollout(model, weights, mask=mask, gradient=gradient, release=first, **given)  # type: ignore[arg-type]
                for name, mask in masks.items()
            }
            forced, ones = made["forced"].outputs, made["ones"].outputs
            demand(gap(forced, ones) < CLOSE, f"the fast path differs from the loop by {gap(forced, ones):.1e} {case}")
            slopes = [gradients(outputs.square().sum(), leaves) for outputs in (forced, ones)]
            for name, a, b in zip(weights, *slopes, strict=True):
                demand(gap(a, b) < CLOSE, f"the fast path's d{name} differs from the loop's by {gap(a, b):.1e} {case}")
            demand(gap(forced[:first], plain[:first]) < CLOSE, f"an output within the warm-up is another one {case}")
            changed = T - first < 2 or gap(forced[first + 1 :], plain[first + 1 :]) > CLOSE
            demand(changed, f"the release changes nothing {case}")
            for name, mask in moving.items() if model.deaf else ():
                same = same_bits(made[name].outputs.detach(), forced.detach())
                demand(same, f"{name} outputs are not the forced ones, bit for bit {case}")
                shaken = rollout(model, weights, mask=mask, noise=level, release=first, **given)  # type: ignore[arg-type]
                for told, added in ((made[name], torch.zeros_like(level)), (shaken, level)):
                    fed = truth if masks[name] is None else torch.where(mask[..., None] == 1, truth, told.outputs + added)
                    same = same_bits(told.fed.detach(), fed.detach())
                    demand(same, f"{name}: what is fed is not what the mask says, with its noise {case}")
