"""Rollout as one operation: of the same requests and results as the loop in PyTorch, one node of the gradient graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable

from freerun.engine.compiled.coverage import CELLS, CORRECTIONS, DISTRIBUTIONS, Place, places, rule_number, uncovered
from freerun.engine.compiled.library import Call, Library, Weight, library
from freerun.engine.compiled.threads import spread
from freerun.engine.parameters import Sizes, Trained
from freerun.engine.rollout import THROUGH, Charge, Gradient, Request, Rollout, loop, stopped
from freerun.parts.feedback.gumbel import Gumbel
from freerun.parts.layers import State, Weights
from freerun.parts.models import Model
from freerun.parts.models.linear import Linear
from freerun.parts.models.transformer import Transformer, positions


class Stretch(NamedTuple):
    """Where a weight stands: in which tensor and from which number on, its shape, and its place in the operation's matrices."""

    tensor: int
    offset: int
    step: int
    rows: int
    columns: int
    row: int
    column: int
    matrix: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a rollout is told beside the tensors that a gradient is taken of.

    Attributes:
        library: that computes it.
        numbers: the whole numbers of `Call`.
        stretches: where each weight stands in the tensors of weights, one a name or one for all.
        reals: its other numbers.
        carries: whether what is fed carries a gradient.
        given: tensors that carry no gradient, by their names in `Call`; contiguous.
        state: the state before the first step.
        states: how many parts of the state after every step are returned.
    """

    library: Library
    numbers: dict[str, int]
    stretches: tuple[Stretch, ...]
    reals: dict[str, float]
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


def _sizes(weights: Weights) -> Sizes:
    if isinstance(weights, Trained):
        return weights.sizes
    return tuple((name, part.shape[1], part.shape[2]) for name, part in weights.items())


@cache
def _stretches(cell: type[Model], hidden: int, inputs: int, sizes: Sizes, together: bool) -> tuple[Stretch, ...]:
    """Return where each weight stands in tensors ``[R rows columns]`` of their own, or all together in one of ``[R P]``."""
    known, stretches, before = places(cell, hidden, inputs), [], 0
    whole = sum(rows * columns for _, rows, columns in sizes)
    for i, (name, rows, columns) in enumerate(sizes):
        where = (0, before, whole) if together else (i, 0, rows * columns)
        place = known.get(name, Place(matrix=2))
        stretches.append(Stretch(*where, rows, columns, place.row, place.column, place.matrix))
        before += rows * columns
    return tuple(stretches)


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
    return rolled(request, used)


def rolled(request: Request, used: Library) -> Rollout:
    """Return the same for a rollout that is known not to be `impossible`."""
    if isinstance(request.model, Transformer) and request.unrolls:  # all steps in parallel are few large products
        return loop(request)
    inputs = request.read()
    plan = _plan(request, inputs, used)
    if (charge := _charged(request, plan)) is not None:
        return _descend(plan, request, inputs, charge)
    weights = request.weights
    tensors = [weights.flat] if isinstance(weights, Trained) else [*weights.values()]
    out, feeds, *after = _Operation.apply(plan, request.truth, request.start, inputs, *tensors)  # type: ignore[no-untyped-call]
    states: tuple[State, ...] = ((),) * (request.steps if request.states else 0)
    if after:
        states = tuple(zip(*(part.unbind(0) for part in after), strict=True))
    return Rollout(outputs=out, fed=feeds if request.unrolls else stopped(feeds, request.gradient), states=states)


def _plan(request: Request, inputs: torch.Tensor | None, used: Library) -> Plan:
    model, feedback, start = request.model, request.feedback, request.start
    replicas, batch, fed = start.shape
    sizes, together = _sizes(request.weights), isinstance(request.weights, Trained)
    extra = 0 if inputs is None else inputs.shape[-1]
    outputs = next(columns for name, _, columns in sizes if name == "output.weight")
    hidden = 0 if isinstance(model, Linear) else model.hidden  # type: ignore[attr-defined]
    stretches = _stretches(type(model), hidden, extra + fed, sizes, together)
    places = positions(0, request.steps, hidden, start.dtype, start.device) if isinstance(model, Transformer) else None
    draws = None if request.uniform is None else request.uniform.to(start.dtype)
    if draws is not None and isinstance(feedback, Gumbel):
        draws = feedback.noise(draws)
    return Plan(
        library=used,
        numbers={
            "cell": CELLS[type(model)], "rule": rule_number(feedback), "T": request.steps, "R": replicas, "B": batch,
            "X": extra, "F": fed, "O": outputs, "H": hidden, "count": len(stretches), **_layers(model, stretches),
        },
        stretches=stretches,
        reals={
            "temperature": float(getattr(feedback, "temperature", 1.0)),
            "root": math.sqrt(hidden // model.own_heads) if isinstance(model, Transformer) else 1.0,
        },
        carries=feedback.carries,
        given={
            "cuts": _cuts(THROUGH if request.unrolls else request.gradient, request.steps, replicas),
            "mask": None if request.mask is None or feedback.silent else request.mask.to(start.dtype).contiguous(),
            "draws": None if draws is None else draws.contiguous(),
            "noise": None if request.noise is None or feedback.silent else request.noise.to(start.dtype).contiguous(),
            "residual": None if request.residual is None else request.residual.expand(replicas, 1, outputs).contiguous(),
            "places": places,
        },
        state=tuple(part.contiguous() for part in request.state or ()),
        states=len(model.start(1, 1, start)) if request.states else 0,
    )  # fmt: skip


def _layers(model: Model, stretches: Sequence[Stretch]) -> dict[str, int]:
    """Return the numbers of `Call` that a transformer has."""
    if not isinstance(model, Transformer):
        return {}
    first = next(i for i, part in enumerate(stretches) if part.matrix == 2)
    return {"layers": model.layers, "heads": model.own_heads, "wide": model.mlp * model.hidden, "blocks": first}


def _charged(request: Request, plan: Plan) -> Charge | None:
    """Return what is charged, where its gradient is of the weights alone and can be computed with the rollout."""
    charge, size = request.charge, plan.numbers
    if charge is None or request.states or not isinstance(request.weights, Trained):
        return None
    if any(part is not None and part.requires_grad for part in (request.truth, request.start, request.inputs)):
        return None
    shape = (size["T"], size["R"], size["B"])
    fits = charge.targets.shape == (*shape, size["O"]) and charge.shares.shape == shape
    return charge if fits and charge.targets.dtype == charge.shares.dtype == request.start.dtype else None


def _descend(plan: Plan, request: Request, inputs: torch.Tensor | None, charge: Charge) -> Rollout:
    """Return a rollout with the gradient of its squared error, from one call: a replica's activations are kept no longer."""
    size, like, flat = plan.numbers, request.start, request.weights.flat.detach()  # type: ignore[attr-defined]
    shape = (size["T"], size["R"], size["B"])
    outputs, fed, slope = like.new_empty(*shape, size["O"]), like.new_empty(*shape, size["F"]), torch.empty_like(flat)
    # Coordinates are added up as torch adds those of less than a vector of its own.
    losses = like.new_empty(shape) if size["O"] * like.element_size() < 32 else None
    given = {**plan.given, "truth": request.truth.contiguous(), "start": like.contiguous()}
    given["inputs"] = None if inputs is None else inputs.contiguous()
    told = {
        "targets": charge.targets.contiguous(),
        "shares": charge.shares.contiguous(),
        "d_outputs": torch.empty_like(outputs),
    }
    call = _call(plan, given, [flat], True)
    _point(call, outputs=outputs, fed=fed, losses=losses, **told)
    _aim(call, plan, [slope])
    _run(plan, "descend", call, like)
    return Rollout(outputs=outputs, fed=fed, gradient=slope, losses=losses)


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
            ctx.plan, ctx.call, ctx.kept = plan, call, kept
            ctx.names = [name for name, value in given.items() if value is not None]
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
        call, slopes = ctx.call, [torch.empty_like(part) for part in weights]
        _aim(call, plan, slopes)
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


def _call(plan: Plan, given: Mapping[str, torch.Tensor | None], weights: Sequence[torch.Tensor], keeps: bool) -> Call:
    entries = (Weight * len(plan.stretches))()
    call = Call(**plan.numbers, **plan.reals, keeps=keeps, weights=entries)
    places, size = [part.data_ptr() for part in weights], weights[0].element_size()
    for entry, part in zip(entries, plan.stretches, strict=True):
        entry.value = places[part.tensor] + part.offset * size
        _, _, entry.step, entry.rows, entry.columns, entry.row, entry.column, entry.matrix = part
    _point(call, **given)
    _pair(call.state, plan.state)
    return call


def _aim(call: Call, plan: Plan, slopes: Sequence[torch.Tensor]) -> None:
    """Say where the gradient of each weight is to stand."""
    places, size = [part.data_ptr() for part in slopes], slopes[0].element_size()
    for i, part in enumerate(plan.stretches):
        call.weights[i].slope = places[part.tensor] + part.offset * size


def _point(call: Call, **tensors: torch.Tensor | None) -> None:
    for name, tensor in tensors.items():
        setattr(call, name, None if tensor is None else tensor.data_ptr())


def _pair(pair: Any, tensors: tuple[torch.Tensor, ...] | list[Any]) -> None:
    for i, tensor in enumerate(tensors):
        pair[i] = None if tensor is None else tensor.data_ptr()


def _run(plan: Plan, direction: str, call: Call, like: torch.Tensor) -> None:
    """Call the library for all replicas."""
    size = plan.library.function("both" if direction == "descend" else "work", _name(like))(call)
    spread(plan.library.function(direction, _name(like)), call, plan.numbers["R"], size, like)
