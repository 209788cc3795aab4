"""All steps of an Elman layer whose inputs are known: one node of the gradient graph, its backward pass by hand.

    h_t = tanh(d_t + h_{t-1} W),   d_t = b + u_t U

It has the bits of the steps of `HiddenRecurrent.advance` one after the other, in value and gradient; the tests compare them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable


class TanhScan(torch.autograd.Function):
    """The hidden states of all steps, for replicas ``[R B .]``; see the module for the formula.

    Gradients of W are added up step by step, the last first, as they are where each step is differentiated by itself.
    """

    @staticmethod
    def forward(ctx: Any, drive: torch.Tensor, h: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Return h of every step, ``[T R B H]``, for H above 1.

        Args:
            drive: d of every step, ``[T R B H]``.
            h: what enters the first step, ``[R B H]``.
            weight: W, ``[R H H]``.
        """
        start, hidden = h, drive.new_empty(drive.shape)
        for t, d in enumerate(drive):
            h = torch.baddbmm(d, h, weight, out=hidden[t]).tanh_()
        ctx.save_for_backward(start, hidden, weight)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of all arguments, in their order."""
        start, hidden, weight = ctx.saved_tensors
        d_drive, turned = torch.empty_like(hidden), weight.mT
        slope: torch.Tensor | None = None
        dh: torch.Tensor | None = None
        for t in reversed(range(len(hidden))):
            d = d_hidden[t] if dh is None else d_hidden[t] + dh
            d = torch.ops.aten.tanh_backward.grad_input(d, hidden[t], grad_input=d_drive[t])
            share = torch.bmm((hidden[t - 1] if t else start).mT, d)
            slope = share if slope is None else slope.add_(share)
            dh = torch.bmm(d, turned)
        return d_drive, dh, slope
