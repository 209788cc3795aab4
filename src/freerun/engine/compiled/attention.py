"""Attention with a memory that grows in place: the closed loop of a transformer, without a copy of its past at each step.

The loop over time is PyTorch's (`freerun.engine.rollout.loop`), and so is all of a step but its attention, which is one call of
the library (source/attention.h): it writes the step's key and value into their place and attends to those so far. The gradient
of the memory travels back through the steps in one tensor, to which each adds its share in place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from freerun.engine.compiled.library import Attention, Library
from freerun.engine.compiled.threads import spread
from freerun.engine.rollout import Request, Rollout, loop
from freerun.parts.layers import State
from freerun.parts.models.transformer import Transformer


def compute(request: Request, using: Library) -> Rollout:
    """Run a transformer over sequences as the loop does, with compiled attention where it takes step after step."""
    model = request.model
    if request.unrolls or not isinstance(model, Transformer):
        return loop(request)
    settings = {part.name: getattr(model, part.name) for part in fields(Transformer)}
    return loop(replace(request, model=_Remembering(**settings, room=request.steps, library=using)))


@dataclass(kw_only=True)
class _Remembering(Transformer):
    """A transformer of one rollout; its state is a memory of each layer with room for all steps, and the last vector.

    Attributes:
        room: how many steps there will be.
        library: that attends.
        steps: how many there were.
    """

    room: int
    library: Library
    steps: int = 0

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        room = _rounded(self.room, like)
        memory = [like.new_zeros(replicas, batch, 2 * self.hidden, room) for _ in range(self.layers)]
        return (*memory, like.new_zeros(replicas, batch, self.hidden))

    def taken(self, state: State) -> int:
        return self.steps

    def step(self, weights: Any, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        outputs, state = super().step(weights, u, state)
        self.steps += 1
        return outputs, state

    def attended(self, new: torch.Tensor, memory: State) -> tuple[torch.Tensor, State]:
        (past,) = memory
        seen, past = _Attend.apply(self.library, self.steps, self.own_heads, new[:, :, 0].flatten(2), past)  # type: ignore[no-untyped-call]
        return seen, (past,)


class _Attend(torch.autograd.Function):
    """What one step sees of itself and of the steps before it; the memory is changed in place."""

    @staticmethod
    def forward(
        ctx: Any, library: Library, step: int, heads: int, new: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attend.

        Args:
            step: t, from 0.
            new: query, key and value, ``[R B 3H]``.
            memory: keys and values of the steps before, ``[R B 2H C]``.
        """
        new = new.contiguous()
        replicas, batch, size, room = memory.shape
        kept = new.new_empty(replicas * batch * heads, _rounded(step + 1, new))
        seen = new.new_empty(replicas, batch, size // 2)
        call = Attention(t=step, H=size // 2, C=room, heads=heads, root=math.sqrt(size // 2 // heads))
        call.given, call.memory, call.out, call.kept = (x.data_ptr() for x in (new, memory, seen, kept))
        _run(library, "attend", call, memory)
        ctx.mark_dirty(memory)
        ctx.set_materialize_grads(False)
        if any(ctx.needs_input_grad):
            # Later steps write behind what this one saw: it is read again without a copy, and PyTorch is not told.
            ctx.library, ctx.step, ctx.heads, ctx.given, ctx.past, ctx.kept = library, step, heads, new, memory.detach(), kept
        return seen, memory

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_seen: torch.Tensor | None, d_memory: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        """Add to the gradient of the memory in place: nobody else has it."""
        d_memory = torch.zeros_like(ctx.past) if d_memory is None else d_memory.contiguous()
        d_seen = ctx.given.new_zeros(*ctx.past.shape[:2], ctx.past.shape[2] // 2) if d_seen is None else d_seen.contiguous()
        d_given, (_, _, size, room) = torch.empty_like(ctx.given), ctx.past.shape
        call = Attention(t=ctx.step, H=size // 2, C=room, heads=ctx.heads, root=math.sqrt(size // 2 // ctx.heads))
        call.given, call.memory, call.kept = ctx.given.data_ptr(), ctx.past.data_ptr(), ctx.kept.data_ptr()
        call.d_out, call.d_given, call.d_memory = d_seen.data_ptr(), d_given.data_ptr(), d_memory.data_ptr()
        _run(ctx.library, "attend_back", call, ctx.past)
        return None, None, None, d_given, d_memory


def _rounded(count: int, like: torch.Tensor) -> int:
    """Return the least multiple of a stripe of 64 bytes that holds so many numbers; as `rounded` in source/replica.h."""
    stripe = 64 // like.element_size()
    return -(-count // stripe) * stripe


def _run(library: Library, name: str, call: Attention, memory: torch.Tensor) -> None:
    replicas, batch, size, room = memory.shape
    run = library.function(name, str(memory.dtype).removeprefix("torch."))
    spread(run, call, replicas * batch, 2 * max(size, room), memory)
