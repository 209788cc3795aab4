"""Laws of a model: `unroll` is its step repeated, and rows and replicas are independent.

Every law tries small cases first, so that the one it complains of is the smallest of those it knows.
"""

from __future__ import annotations

import itertools

import torch

from freerun.laws._cases import RUNS, Case, R, Run, cases, loop, widths
from freerun.laws.toolkit import CLOSE, SHIFTS, demand, gap, gradients, noise, only, same_bits, shifted
from freerun.parts.layers import Weights, project
from freerun.parts.models import Model

#: Differences of so many units of the last place are put down to the order of operations, five steps of a small model.
ROUNDING = 1000


def law_start_is_zero(model: Model) -> None:
    """Before the first step all is zero, of the shape, type and number of rows asked for.

    Cure: return `like.new_zeros(replicas, batch, width)` for each part of the state.
    """
    for dtype in (torch.float32, torch.float64):
        for part in model.start(R, 4, torch.empty(1, dtype=dtype)):
            demand(part.dtype is dtype, f"the state is {part.dtype} where the data are {dtype}")
            demand(part.shape[:2] == (R, 4), f"the state has shape {tuple(part.shape)}, not [R B ...] with R = {R}, B = 4")
            demand(not bool(part.any()), "the state does not start at zero")


def law_unroll_is_the_step_repeated(model: Model) -> None:
    """The short cut and the repeated step agree in output, state and gradient.

    Cure: let `step` and `unroll` share one method for what happens in a step, begin `unroll` with the state that it is given,
    and return the state behind the last step.
    """
    for case in cases(model):
        weights, u, state = case.weights, case.u, case.start
        slow, fast = loop(model, weights, u, state), model.unroll(weights, u, state)
        off = gap(fast[0], slow[0])
        demand(off < CLOSE, f"unroll and step differ by {off:.1e} {case}")
        demand(len(fast[1]) == len(slow[1]), f"unroll leaves {len(fast[1])} parts of a state, the steps {len(slow[1])} {case}")
        for a, b in zip(fast[1], slow[1], strict=True):
            off = gap(a, b)
            demand(off < CLOSE, f"unroll leaves another state than the steps, by {off:.1e} {case}")
        charge = noise(*slow[0].shape, seed=1)
        slopes = [gradients((outputs * charge).sum(), [u, *weights.values()]) for outputs in (fast[0], slow[0])]
        for name, a, b in zip(["the inputs", *weights], *slopes, strict=True):
            off = gap(a, b)
            demand(off < CLOSE, f"the gradient of {name} differs by {off:.1e} between unroll and step {case}")


def law_causal(model: Model) -> None:
    """By the gradient, an output depends on its own input, and on none that comes later.

    Cure: let an output read its own input and the state alone; mask what comes later, and normalise over the width, never over
    time.
    """
    for case in cases(model, deaf=False):
        weights, u = case.weights, case.u
        for name, run in RUNS.items():
            outputs, _ = run(model, weights, u, case.start)
            for t in range(case.steps):
                (slope,) = gradients(outputs[t].sum(), [u])
                demand(not bool(slope[t + 1 :].any()), f"{name}: o_{t} depends on an input after it {case}")
                demand(bool(slope[t].any()), f"{name}: o_{t} does not depend on u_{t} {case}")


def law_what_follows_changes_nothing_before(model: Model) -> None:
    """However long and however wild the padding behind a sequence, its outputs and their gradient stay the same.

    Cure: take no mean, maximum or product with 0 over time: NaN times 0 is NaN; select with `torch.where` instead.
    """
    for case in cases(model, least=2):
        weights, u = case.weights, case.u.detach()
        for name, run in RUNS.items():
            for end in sorted({1, case.steps - 1}):
                padded = torch.cat([u[:end], 1e3 * noise(*u[end:].shape, seed=2)])
                alone, beside = (run(model, weights, sequence, case.start)[0][:end] for sequence in (u[:end], padded))
                off = gap(beside, alone)
                demand(off < CLOSE, f"{name}: padding behind step {end - 1} changes an output before it by {off:.1e} {case}")
                slopes = [gradients(outputs.square().sum(), list(weights.values())) for outputs in (beside, alone)]
                for key, a, b in zip(weights, *slopes, strict=True):
                    off = gap(a, b)
                    demand(
                        off < CLOSE, f"{name}: padding behind step {end - 1} changes the gradient of {key} by {off:.1e} {case}"
                    )


def law_memory_as_declared(model: Model) -> None:
    """A model that is `memoryless` reads its own input and what was fed back at the `reads` last steps; any other remembers.

    Cure: set `memoryless = True` (and `reads`) if what was fed back is the only memory; else carry the state from step to step.
    """
    remembers = False
    for case in cases(model, deaf=False, least=2):
        u = case.u
        for name, run in RUNS.items():
            outputs, _ = run(model, case.weights, u, case.start)
            (slope,) = gradients(outputs[-1].sum(), [u])
            remembers = remembers or bool(slope[:-1].any())
            if model.memoryless:
                kept = max(0, case.steps - model.reads)
                aside = case.inputs - case.outputs if model.reads > 1 else case.inputs  # the feed is the last columns
                reaches = bool(slope[:kept].any() or slope[:-1, ..., :aside].any())
                demand(not reaches, f"{name}: memoryless is true, but an earlier input reaches the last output {case}")
                demand(bool(slope[kept:].flatten(1).any(1).all()), f"{name}: not all of {model.reads} feeds are read {case}")
    alone = model.memoryless and model.reads == 1
    demand(remembers or alone, "memoryless is false, but at no size does an earlier input reach the last output")


def law_rows_are_independent(model: Model) -> None:
    """No row of a batch knows another: none has a gradient in it, and permuting the rows permutes the result.

    Cure: take no mean or norm over the batch axis (no batch normalisation).
    """
    for case in cases(model, least=2):
        weights, u, state = case.weights, case.u, case.start
        order = torch.arange(case.batch).roll(1)
        for name, run in RUNS.items():
            outputs, _ = run(model, weights, u, state)
            (slope,) = gradients(outputs[:, :, 0].sum(), [u])
            demand(not bool(slope[:, :, 1:].any()), f"{name}: row 0 of the batch depends on another row {case}")
            permuted, _ = run(model, weights, u[:, :, order], tuple(part[:, order] for part in state))
            off = gap(permuted, outputs[:, :, order])
            demand(off < CLOSE, f"{name}: permuting the batch does not permute the result, it is {off:.1e} off {case}")


def law_replicas_are_independent(model: Model) -> None:
    """No replica has a gradient in the inputs or weights of another.

    Cure: keep the replica axis in front of everything: weights are [R in out], products are `project` or `affine` of
    `freerun.parts.layers`.
    """
    for case in cases(model):
        weights, u = case.weights, case.u
        for name, run in RUNS.items():
            outputs, _ = run(model, weights, u, case.start)
            for r in range(R):
                other_replicas = [q for q in range(R) if q != r]
                slopes = gradients(outputs[:, r].sum(), [u, *weights.values()])
                demand(
                    not bool(slopes[0][:, other_replicas].any()), f"{name}: replica {r} depends on the inputs of another {case}"
                )
                for key, slope in zip(weights, slopes[1:], strict=True):
                    demand(not bool(slope[other_replicas].any()), f"{name}: replica {r} depends on {key} of another {case}")


def law_state_carries_over_a_split(model: Model) -> None:
    """A sequence in two parts, the second from the state the first has left, is the whole sequence; by step or unrolled.

    Cure: begin with the `state` that is given, not with `self.start(...)`, and put all that is needed to go on into the state
    that is returned.
    """
    for case in cases(model, least=2):
        weights, u, state = case.weights, case.u, case.start
        whole, last = model.unroll(weights, u, state)
        for cut in range(1, case.steps):
            for name, run in RUNS.items():
                first, middle = model.unroll(weights, u[:cut], state)
                second, end = run(model, weights, u[cut:], middle)
                off = gap(torch.cat([first, second]), whole)
                demand(off < CLOSE, f"{name}: continued after step {cut - 1}, the outputs are {off:.1e} off {case}")
                for a, b in zip(end, last, strict=True):
                    off = gap(a, b)
                    demand(off < CLOSE, f"{name}: continued after step {cut - 1}, the state is {off:.1e} off {case}")


def law_no_state_in_the_part(model: Model) -> None:
    """A call depends on its arguments alone: it keeps nothing, and changes no state in place.

    Cure: store nothing in `self`, and replace `x += y` and `x[i] = y` on what was given by new tensors; what must last goes
    into the state.
    """
    for case in cases(model):
        weights, u, state = case.weights, case.u, case.start
        for name, run in RUNS.items():
            _, state = run(model, weights, u, case.start)
            before = [part.detach().clone() for part in state]
            first, _ = run(model, weights, u, state)
            run(model, weights, u + 1, state)
            run(model, weights, u + 2, case.start)
            second, _ = run(model, weights, u, state)
            kept = all(same_bits(a, b.detach()) for a, b in zip(before, state, strict=True))
            demand(kept, f"{name}: the state was changed in place {case}")
            demand(same_bits(first.detach(), second.detach()), f"{name}: two calls with the same arguments differ {case}")


def law_summary_has_one_width(model: Model) -> None:
    """The summary of the state has the same width after every step, is finite, and is the same by step and unrolled.

    Cure: override `summary` so that it returns one vector [R B H] of the same width after each step.
    """
    for case in cases(model):
        weights, u, state = case.weights, case.u, case.start
        seen = []
        for t in range(case.steps):
            out, state = model.step(weights, u[t], state)
            seen.append(model.summary(state, out))
            outputs, reached = model.unroll(weights, u[: t + 1], case.start)
            short = model.summary(reached, outputs[-1])
            shape = tuple(seen[-1].shape)
            demand(shape[:2] == (R, case.batch), f"the summary has shape {shape}, not [R B H] {case}")
            wanted = seen[0].shape[-1]
            demand(shape[-1] == wanted, f"the summary is {wanted} wide after step 0 and {shape[-1]} after step {t} {case}")
            demand(bool(seen[-1].isfinite().all()), f"the summary after step {t} is not finite {case}")
            demand(gap(short, seen[-1]) < CLOSE, f"the summary after step {t} is another one after unroll {case}")


def law_same_bits_alone_and_in_a_group(model: Model) -> None:
    """Each replica's outputs and gradients have the same bits alone and in a group, in odd sizes, wherever its memory lies.

    Cure: rounding is no error of the model: write `logistic` for `torch.sigmoid` (and x * logistic(x) for silu), `project` or
    `affine` for products, `scaled` for a row of weights, `per_replica` for sums, all of `freerun.parts.layers`; what is more
    than rounding comes from an operation that runs over the replica axis.
    """
    shifts = itertools.cycle(SHIFTS)
    for batch in (1, 2, 3, 4):
        for inputs, outputs in widths(model, odd=True):
            for dtype in (torch.float32, torch.float64):
                case = Case(model=model, steps=5, batch=batch, inputs=inputs, outputs=outputs, dtype=dtype)
                weights, u = {name: value.detach() for name, value in case.weights.items()}, case.u.detach()
                for name, run in RUNS.items():
                    together = _left_by(run, case, {key: value.clone() for key, value in weights.items()}, u.contiguous())
                    for r in range(R):
                        shift = max(next(shifts), u.element_size())
                        weights_alone = {key: shifted(value[r : r + 1], shift) for key, value in weights.items()}
                        for key, value in _left_by(run, case, weights_alone, shifted(u[:, r : r + 1], shift), first=r).items():
                            off = _other_bits(value[0], together[key][r])
                            demand(not off, f"{name}: {key} of replica {r} {off} {case}")


def _other_bits(alone: torch.Tensor, together: torch.Tensor) -> str:
    """What the difference between a replica alone and in a group is, in words; empty where there is none."""
    if same_bits(alone, together):
        return ""
    off = gap(alone, together)
    rounding = off <= ROUNDING * torch.finfo(alone.dtype).eps
    return f"alone is {off:.1e} off, {'rounding in another order' if rounding else 'more than rounding: it reads its group'}"


def _left_by(run: Run, case: Case, weights: Weights, u: torch.Tensor, first: int = 0) -> dict[str, torch.Tensor]:
    """Outputs and gradients of some replicas that run together, replica first; `first` is the number of the first."""
    leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
    charge = noise(case.steps, R, case.batch, case.outputs, seed=1, dtype=case.dtype)[:, first : first + u.shape[1]]
    out, _ = run(case.model, leaves, u, case.model.start(u.shape[1], case.batch, u[0]))
    slopes = gradients((out * charge).sum(), list(leaves.values()))
    return {"outputs": out.detach().transpose(0, 1), **dict(zip(leaves, slopes, strict=True))}


@only(lambda model: model.correctable, "models whose state can be corrected")
def law_a_corrected_state_is_read_as_changed(model: Model) -> None:
    """The output is that of the output map for the part of the state that `corrected` changes, and for no other.

    Cure: add the change to the very part of the state that `output.weight` is multiplied with, and to no other.
    """
    for case in cases(model):
        weights = case.weights
        outputs, state = model.unroll(weights, case.u, case.start)
        change = noise(R, case.batch, weights["output.weight"].shape[-2], seed=3, dtype=case.dtype)
        parts = list(zip(state, model.corrected(state, change), strict=True))
        moved = [i for i, (before, after) in enumerate(parts) if not torch.equal(before, after)]
        demand(len(moved) == 1, f"{len(moved)} parts of the state are changed, not one {case}")
        before, after = parts[moved[0]]
        off = gap(after - before, change)
        demand(off < CLOSE, f"the state is changed by another change than the one that is given, {off:.1e} off {case}")
        off = gap(project(weights, "output", before), outputs[-1])
        demand(off < CLOSE, f"the part that is changed is not what the output map reads, {off:.1e} off {case}")
