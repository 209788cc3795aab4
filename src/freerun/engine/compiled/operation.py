"""Rollout as one operation: of the same requests and results as the loop in PyTorch, one node of the gradient graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from freerun.engine.compiled import attention
from freerun.engine.compiled.coverage import CELLS, CORRECTIONS, DISTRIBUTIONS, places, rule_number, uncovered
from freerun.engine.compiled.library import Call, Library, library
from freerun.engine.compiled.threads import spread
from freerun.engine.rollout import THROUGH, Gradient, Request, Rollout, stopped
from freerun.parts.feedback.gumbel import Gumbel
from freerun.parts.layers import State
from freerun.parts.models.linear import Linear
from freerun.parts.models.transformer import Transformer


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a rollout is told beside the tensors that a gradient is taken of.

    Attributes:
        library: that computes it.
        numbers: the whole numbers of `Call`.
        places: name, row, column and matrix of each weight, in the order in which they are given.
        temperature: of a soft choice.
        carries: whether what is fed carries a gradient.
        given: tensors that carry no gradient, by their names in `Call`; contiguous.
        state: the state before the first step.
        states: how many parts of the state after every step are returned.
    """

    library: Library
    numbers: dict[str, int]
    places: list[tuple[int, int, bool]]
    temperature: float
    carries: bool
    given: dict[str, torch.Tensor | None]
    state: tuple[torch.Tensor, ...]
    states: int


@cache
def _even_cuts(gradient: Gradient, steps: int, replicas: int) -> torch.Tensor:
    """Return for each step 1 where the feed that enters it is cut, 2 where the state is; their sum where both are."""
    cuts = [gradient.cuts_feedback(t) + 2 * gradient.cuts_state(t) for t in range(steps)]
    return torch.tensor(cuts, dtype=torch.uint8)[:, None].repeat(1, replicas)


def _cuts(gradient: Gradient, steps: int, replicas: int) -> torch.Tensor:
    """Return the same ``[T R]``, with both cut in front of each replica's window."""
    if gradient.windows is None:
        return _even_cuts(gradient, steps, replicas)
    return _even_cuts(replace(gradient, windows=None), steps, replicas).scatter(0, torch.tensor([gradient.windows]), 3)


def compute(request: Request, using: Library | None = None) -> Rollout:
    """Run a model over sequences as `freerun.engine.rollout.loop` does, in one compiled operation.

    Args:
        using: another library than the one for this processor.

    Raises:
        ValueError: for what the operation does not cover, which `impossible` says beforehand.
    """
    used = using or library()
    if used is None or (why := impossible(request)) is not None:
        raise ValueError(f"the compiled engine cannot make this rollout: {why if used else 'there is none here'}")
    if isinstance(request.model, Transformer):
        return attention.compute(request, used)
    model, weights, feedback, start, inputs = request.model, request.weights, request.feedback, request.start, request.read()
    replicas, batch, fed = start.shape
    extra, outputs = 0 if inputs is None else inputs.shape[-1], weights["output.weight"].shape[-1]
    draws = None if request.uniform is None else request.uniform.to(start.dtype)
    if draws is not None and isinstance(feedback, Gumbel):
        draws = feedback.noise(draws)
    where = places(model, extra + fed)
    plan = Plan(
        library=used,
        numbers={
            "cell": CELLS[type(model)], "rule": rule_number(feedback), "T": request.steps, "R": replicas, "B": batch,
            "X": extra, "F": fed, "O": outputs, "H": 0 if isinstance(model, Linear) else model.hidden,  # type: ignore[attr-defined]
        },
        places=[(where[name].row, where[name].column, where[name].output) for name in weights],
        temperature=float(getattr(feedback, "temperature", 1.0)),
        carries=feedback.carries,
        given={
            "cuts": _cuts(THROUGH if request.unrolls else request.gradient, request.steps, replicas),
            "mask": None if request.mask is None or feedback.silent else request.mask.to(start.dtype).contiguous(),
            "draws": None if draws is None else draws.contiguous(),
            "noise": None if request.noise is None or feedback.silent else request.noise.to(start.dtype).contiguous(),
            "residual": None if request.residual is None else request.residual.expand(replicas, 1, outputs).contiguous(),
        },
        state=tuple(part.contiguous() for part in request.state or ()),
        states=len(model.start(1, 1, start)) if request.states else 0,
    )  # fmt: skip
    out, feeds, *after = _Operation.apply(plan, request.truth, start, inputs, *weights.values())  # type: ignore[no-untyped-call]
    states: tuple[State, ...] = ((),) * (request.steps if request.states else 0)
    if after:
        states = tuple(zip(*(part.unbind(0) for part in after), strict=True))
    return Rollout(outputs=out, fed=feeds if request.unrolls else stopped(feeds, request.gradient), states=states)


def impossible(request: Request) -> str | None:
    """Return why a rollout cannot be made by the compiled engine; None where it can."""
    if request.head is not None:
        return DISTRIBUTIONS
    if request.dropout is not None:
        return "it drops nothing"
    if request.pull is not None:
        return CORRECTIONS
    if (why := uncovered(request.model, request.feedback, _name(request.start), request.start.device.type)) is not None:
        return why
    if any(part is not None and part.requires_grad for part in (*(request.state or ()), request.residual)):
        return "it takes no gradient of the state before the first step, or of the scale of an increment"
    if isinstance(request.model, Transformer) and (request.states or request.state is not None):
        return "it neither returns the states of a transformer nor goes on from one"
    return None


class _Operation(torch.autograd.Function):
    """Outputs, feeds and states of a rollout; gradients of the weights, of the truth, of the start and of the inputs."""

    @staticmethod
    def forward(
        ctx: Any,
        plan: Plan,
        truth: torch.Tensor,
        start: torch.Tensor,
        inputs: torch.Tensor | None,
        *weights: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Run all steps; what a gradient needs is kept where one may be asked for."""
        size, like = plan.numbers, start
        shape = (size["T"], size["R"], size["B"])
        outputs, fed = like.new_empty(*shape, size["O"]), like.new_empty(*shape, size["F"])
        states = [like.new_empty(*shape, size["H"]) for _ in range(plan.states)]
        weights = tuple(part.contiguous() for part in weights)
        given = {**plan.given, "truth": truth.contiguous(), "start": start.contiguous()}
        given["inputs"] = None if inputs is None else inputs.contiguous()
        keeps = any(ctx.needs_input_grad)
        call = _call(plan, given, weights, keeps)
        kept = like.new_empty(plan.library.function("kept", _name(like))(call) * size["R"])
        _point(call, outputs=outputs, fed=fed, kept=kept)
        _pair(call.states, states)
        _run(plan, "forward", call, like)
        if keeps:
            ctx.plan, ctx.kept, ctx.names = plan, kept, [name for name, value in given.items() if value is not None]
            ctx.save_for_backward(*(value for value in given.values() if value is not None), *weights)
            ctx.set_materialize_grads(False)
            if not plan.carries and not truth.requires_grad:
                ctx.mark_non_differentiable(fed)
        return outputs, fed, *states

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_outputs: torch.Tensor | None, d_fed: torch.Tensor | None, *d_states: torch.Tensor | None
    ) -> tuple[torch.Tensor | None, ...]:
        """Run all steps backward."""
        plan: Plan = ctx.plan
        count = len(ctx.names)
        given, weights = dict(zip(ctx.names, ctx.saved_tensors[:count], strict=True)), ctx.saved_tensors[count:]
        like = given["start"]
        call = _call(plan, given, weights, True)
        slopes = [torch.empty_like(part) for part in weights]
        for i, slope in enumerate(slopes):
            call.weights[i].slope = slope.data_ptr()
        wanted = dict(zip(("truth", "start", "inputs"), ctx.needs_input_grad[1:4], strict=True))
        gradients = {name: torch.empty_like(given[name]) if needed else None for name, needed in wanted.items()}
        tensors = {"d_outputs": d_outputs, "d_fed": d_fed}
        tensors = {name: None if value is None else value.contiguous() for name, value in tensors.items()}
        after = [None if part is None else part.contiguous() for part in d_states]
        _point(call, kept=ctx.kept, **tensors, **{f"d_{name}": value for name, value in gradients.items()})
        _pair(call.d_states, after)
        _run(plan, "backward", call, like)
        return None, *gradients.values(), *slopes


def _name(like: torch.Tensor) -> str:
    return str(like.dtype).removeprefix("torch.")


def _call(plan: Plan, given: Mapping[str, torch.Tensor | None], weights: tuple[torch.Tensor, ...], keeps: bool) -> Call:
    call = Call(**plan.numbers, keeps=keeps, temperature=plan.temperature)
    for i, (weight, (row, column, output)) in enumerate(zip(weights, plan.places, strict=True)):
        entry = call.weights[i]
        entry.value, entry.rows, entry.columns = weight.data_ptr(), weight.shape[1], weight.shape[2]
        entry.row, entry.column, entry.output = row, column, output
    _point(call, **given)
    _pair(call.state, plan.state)
    return call


def _point(call: Call, **tensors: torch.Tensor | None) -> None:
    for name, tensor in tensors.items():
        setattr(call, name, None if tensor is None else tensor.data_ptr())


def _pair(pair: Any, tensors: tuple[torch.Tensor, ...] | list[Any]) -> None:
    for i, tensor in enumerate(tensors):
        pair[i] = None if tensor is None else tensor.data_ptr()


def _run(plan: Plan, direction: str, call: Call, like: torch.Tensor) -> None:
    """Call the library for all replicas."""
    size = plan.library.function("work", _name(like))(call)
    spread(plan.library.function(direction, _name(like)), call, plan.numbers["R"], size, like)
