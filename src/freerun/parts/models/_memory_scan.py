"""All steps of a long short-term memory over a known input: one node of the gradient graph, its backward pass by hand.

    p_i, p_f, p_g, p_o = [u, 1, h] W,   i = sigmoid(p_i),  f = sigmoid(p_f),  o = sigmoid(p_o),  g = tanh(p_g),
    c' = f c + i g,   h' = o tanh(c')

It has the bits of the steps of `LSTM.advance` one after the other, in value and gradient; the tests compare them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

#: How many tensors a step keeps for its gradient: [u, 1, h], c, i, f, g, o and tanh(c').
KEPT = 7


class MemoryScan(torch.autograd.Function):
    """The hidden states of all steps and the last cell, for replicas ``[R B .]``; see the module for the formula.

    Gradients of W are added up step by step, the last first, as they are where each step is differentiated by itself.
    """

    @staticmethod
    def forward(
        ctx: Any, u: torch.Tensor, h: torch.Tensor, c: torch.Tensor, gates: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return h of every step, ``[T R B H]``, and the last c ``[R B H]``.

        Args:
            u: inputs ``[T R B I]``.
            h, c: what enters the first step, ``[R B H]``.
            gates: W, ``[R I+1+H 4H]``.
        """
        keeps, kept = any(ctx.needs_input_grad), list[torch.Tensor]()
        u = torch.cat([u, u.new_ones(*u.shape[:3], 1)], -1)
        hidden = u.new_empty(*u.shape[:3], h.shape[-1])
        for t, u_t in enumerate(u):
            x, old = torch.cat([u_t, h], -1), c
            i, f, g, o = torch.bmm(x, gates).chunk(4, -1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            c = (f * c).add_(i * g)
            squashed = c.tanh()
            kept += (x, old, i, f, g, o, squashed) if keeps else ()
            h = torch.mul(o, squashed, out=hidden[t])
        if keeps:
            ctx.save_for_backward(gates, *kept)
        return hidden, c

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: torch.Tensor, dc: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of all arguments, in their order."""
        gates, *kept = ctx.saved_tensors
        of_sigmoid, of_tanh = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward
        hidden = d_hidden.shape[-1]
        inputs = gates.shape[1] - 1 - hidden
        du = d_hidden.new_empty(*d_hidden.shape[:3], inputs) if ctx.needs_input_grad[0] else None
        slope: torch.Tensor | None = None
        dh: torch.Tensor | None = None
        for t in reversed(range(len(d_hidden))):
            x, c, i, f, g, o, squashed = kept[KEPT * t : KEPT * (t + 1)]
            d = d_hidden[t] if dh is None else d_hidden[t] + dh
            dc = of_tanh(d * o, squashed).add_(dc)
            dp = torch.cat([of_sigmoid(dc * g, i), of_sigmoid(dc * c, f), of_tanh(dc * i, g), of_sigmoid(d * squashed, o)], -1)
            dc = dc.mul_(f)
            share, dx = torch.bmm(x.mT, dp), torch.bmm(dp, gates.mT)
            slope = share if slope is None else slope.add_(share)
            dh = dx[..., inputs + 1 :]
            if du is not None:
                du[t] = dx[..., :inputs]
        return du, dh, dc, slope
