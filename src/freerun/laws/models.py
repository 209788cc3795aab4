"""What a model owes: it is a step, and `unroll` is that step repeated, for rows and replicas that know nothing of each
other.
"""

from __future__ import annotations

import torch

from freerun.laws import CLOSE, gap, gradients, noise, same_bits, weights_of
from freerun.models import Model

T, R, B = 5, 3, 4
WIDTHS = (3, 2)


def loop(model: Model, weights, u, state):
    """The step, repeated: the definition of `unroll`."""
    outputs = []
    for u_t in u:
        out, state = model.step(weights, u_t, state)
        outputs.append(out)
    return torch.stack(outputs), state


def _case(model: Model, inputs: int = WIDTHS[0], outputs: int = WIDTHS[1], steps: int = T, dtype: torch.dtype = torch.float64):
    weights = weights_of(model, inputs, outputs, R, dtype)
    u = noise(steps, R, B, inputs, dtype=dtype).requires_grad_()
    return weights, u, model.start(R, B, u[0].detach())


def law_unroll_is_the_step_repeated(model: Model) -> None:
    for inputs, outputs in (WIDTHS, (1, 1), (0, 2)):
        weights, u, state = _case(model, inputs, outputs)
        slow, fast = loop(model, weights, u, state), model.unroll(weights, u, state)
        assert gap(fast[0], slow[0]) < CLOSE, (
            f"unroll and step differ by {gap(fast[0], slow[0]):.1e} at widths {inputs}, {outputs}"
        )
        for a, b in zip(fast[1], slow[1], strict=True):
            assert gap(a, b) < CLOSE, "unroll leaves another state than the steps"
        charge = noise(*slow[0].shape, seed=1)
        leaves = [u, *weights.values()]
        for name, a, b in zip(
            ["inputs", *weights],
            gradients((fast[0] * charge).sum(), leaves),
            gradients((slow[0] * charge).sum(), leaves),
            strict=True,
        ):
            assert gap(a, b) < CLOSE, f"the gradient of {name} differs by {gap(a, b):.1e} between unroll and step"


def law_causal(model: Model) -> None:
    weights, u, state = _case(model)
    for run in (loop, lambda m, *rest: m.unroll(*rest)):
        outputs, _ = run(model, weights, u, state)
        for t in range(T):
            (slope,) = gradients(outputs[t].sum(), [u])
            assert not slope[t + 1 :].any(), f"o_{t} depends on an input after it"
            assert slope[t].any(), f"o_{t} does not depend on u_{t}"


def law_memory_as_declared(model: Model) -> None:
    """A model that is `memoryless` is decoupled: d o_t / d u_s = 0 for s != t; any other remembers."""
    weights, u, state = _case(model)
    outputs, _ = model.unroll(weights, u, state)
    (slope,) = gradients(outputs[-1].sum(), [u])
    assert bool(slope[:-1].any()) != model.memoryless, f"memoryless is {model.memoryless}, but the gradient says otherwise"


def law_rows_are_independent(model: Model) -> None:
    weights, u, state = _case(model)
    for run in (loop, lambda m, *rest: m.unroll(*rest)):
        outputs, _ = run(model, weights, u, state)
        (slope,) = gradients(outputs[:, :, 0].sum(), [u])
        assert not slope[:, :, 1:].any(), "row 0 of the batch depends on another row"
        order = [2, 0, 3, 1]
        permuted, _ = run(model, weights, u[:, :, order], tuple(part[:, order] for part in state))
        assert gap(permuted, outputs[:, :, order]) < CLOSE, "permuting the batch does not permute the result"


def law_replicas_are_independent(model: Model) -> None:
    weights, u, state = _case(model)
    for run in (loop, lambda m, *rest: m.unroll(*rest)):
        outputs, _ = run(model, weights, u, state)
        for r in range(R):
            others = [q for q in range(R) if q != r]
            slopes = gradients(outputs[:, r].sum(), [u, *weights.values()])
            assert not slopes[0][:, others].any(), f"replica {r} depends on the inputs of another replica"
            for name, slope in zip(weights, slopes[1:], strict=True):
                assert not slope[others].any(), f"replica {r} depends on {name} of another replica"


def law_state_carries_over_a_split(model: Model) -> None:
    weights, u, state = _case(model)
    whole, last = model.unroll(weights, u, state)
    for cut in range(1, T):
        first, middle = model.unroll(weights, u[:cut], state)
        second, end = model.unroll(weights, u[cut:], middle)
        assert gap(torch.cat([first, second]), whole) < CLOSE, f"unrolling in two parts, cut at {cut}, is another result"
        for a, b in zip(end, last, strict=True):
            assert gap(a, b) < CLOSE, f"the state after two parts, cut at {cut}, is another state"


def law_no_state_in_the_part(model: Model) -> None:
    weights, u, state = _case(model)
    before = [part.clone() for part in state]
    first, _ = model.unroll(weights, u, state)
    model.unroll(weights, u + 1, state)
    loop(model, weights, u + 2, state)
    again, _ = model.unroll(weights, u, model.start(R, B, u[0].detach()))
    assert same_bits(first, again), "two calls with the same arguments differ"
    assert all(same_bits(a, b) for a, b in zip(before, state, strict=True)), "the state was changed in place"
    stepped = [loop(model, weights, u, state)[0] for _ in range(2)]
    assert same_bits(*stepped), "two loops with the same arguments differ"


def law_start_is_zero(model: Model) -> None:
    for dtype in (torch.float32, torch.float64):
        for part in model.start(R, B, torch.empty(1, dtype=dtype)):
            assert part.dtype is dtype, f"the state is {part.dtype} where the data are {dtype}"
            assert part.shape[:2] == (R, B), f"the state has shape {tuple(part.shape)}, not [R B ...]"
            assert not part.any(), "the state does not start at zero"


def law_same_bits_alone_and_in_a_group(model: Model) -> None:
    """For each replica: value, state and gradient alone and in a group, in odd sizes and both precisions."""
    for dtype, batch, inputs, outputs in [
        (d, b, i, o) for d in (torch.float32, torch.float64) for b in (1, 2, 3, 4) for i, o in ((1, 1), (3, 7), (7, 1))
    ]:
        weights = weights_of(model, inputs, outputs, R, dtype)
        u = noise(T, R, batch, inputs, dtype=dtype)
        charge = noise(T, R, batch, outputs, seed=1, dtype=dtype)

        def run(run, index, weights=weights, u=u, charge=charge, batch=batch):
            own = {name: value.detach()[index].clone().requires_grad_() for name, value in weights.items()}
            count = len(u[0, index])
            out, _ = run(model, own, u[:, index].contiguous(), model.start(count, batch, u[0]))
            slopes = gradients((out * charge[:, index]).sum(), list(own.values()))
            return {"outputs": out.transpose(0, 1), **dict(zip(own, slopes, strict=True))}

        for how in (loop, lambda m, *rest: m.unroll(*rest)):
            together = run(how, slice(None))
            for r in range(R):
                for name, value in run(how, slice(r, r + 1)).items():
                    assert same_bits(value[0], together[name][r]), (
                        f"{name} of replica {r} has other bits alone: {dtype}, batch {batch}, widths {inputs}, {outputs}"
                    )
