"""Fused step of a gated unit, and all steps of a known input: one node of the gradient graph, its backward pass by hand.

    r = sigmoid(b_r + u U_r + h W_r),  z = sigmoid(b_z + u U_z + h W_z),
    g = c_n + h W_n,  n = tanh(b_n + u U_n + r g),  h' = n + z (h - n)

Left to automatic differentiation, a step of a small network spends most of its time between the operations: `make bench`
measures what this saves. Gradients are compared with automatic differentiation of the same formula and with `torch.nn.GRU` in
the tests.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from freerun.parts.layers import flattened, restored

#: A tensor is worked through in blocks of at most so many elements, the rest one by one; the two round a sigmoid differently.
BLOCK = 64


def sigmoid_(x: torch.Tensor) -> torch.Tensor:
    """Apply the logistic function in place, with the same bits for a replica ``[B H]`` alone and inside a group."""
    if x[0].numel() % BLOCK == 0:
        return x.sigmoid_()
    return x.mul_(0.5).tanh_().mul_(0.5).add_(0.5)


def transposed(weight: torch.Tensor) -> torch.Tensor:
    """Return the transpose of a weight as a tensor of its own, kept with the weight until that changes.

    A product with a transposed view takes three times as long, and every step of a rollout needs the same ones.
    """
    kept: tuple[int, torch.Tensor] | None = getattr(weight, "_freerun_transposed", None)
    if kept is None or kept[0] != weight._version:
        kept = (weight._version, weight.detach().mT.contiguous())
        weight._freerun_transposed = kept  # type: ignore[attr-defined]
    return kept[1]


class GatedStep(torch.autograd.Function):
    """h' of a gated recurrent unit for replicas ``[R B .]``; see the module for the formula."""

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor, h: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        """Weights: U_r, U_z, U_n ``[R I+1 H]``, whose last rows are the biases; W_r, W_z, W_n ``[R H H]``; c_n ``[R 1 H]``."""
        u_r, u_z, u_n, w_r, w_z, w_n, c_n = weights
        u = torch.cat([u, u.new_ones(*u.shape[:2], 1)], -1)
        r = sigmoid_(torch.bmm(u, u_r).baddbmm_(h, w_r))
        z = sigmoid_(torch.bmm(u, u_z).baddbmm_(h, w_z))
        g = torch.baddbmm(c_n, h, w_n)
        n = (r * g).baddbmm_(u, u_n).tanh_()
        ctx.save_for_backward(u, h, r, z, g, n)
        ctx.transposed = [transposed(weight) for weight in weights[:6]] if any(ctx.needs_input_grad) else []
        return torch.lerp(n, h, z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of all arguments, in their order."""
        u, h, r, z, g, n = ctx.saved_tensors
        u_r, u_z, u_n, w_r, w_z, w_n = ctx.transposed
        dh, dr, dz, dn, dg = _carried_back(d.contiguous(), h, r, z, g, n, w_r, w_z, w_n)
        du = torch.bmm(dr, u_r).baddbmm_(dz, u_z).baddbmm_(dn, u_n)[..., :-1]
        return du, dh, *_charged(u, h, dr, dz, dn, dg)


class GatedScan(torch.autograd.Function):
    """All steps of a layer whose inputs are known, as one node, with the bits of one `GatedStep` after the other.

    What the inputs drive is one product for all steps, but for n, which rounds otherwise then. Gradients of the weights are
    added up step by step, the last first, as they are where each step is a node; that of the inputs where it is asked for.
    """

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor, h: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        """Return h of every step, ``[T R B H]``, for inputs ``[T R B I]``; the weights as for `GatedStep`."""
        u_r, u_z, u_n, w_r, w_z, w_n, c_n = weights
        u = torch.cat([u, u.new_ones(*u.shape[:3], 1)], -1)
        drives = [_over_steps(u, weight) for weight in (u_r, u_z)]
        keeps, parts = any(ctx.needs_input_grad), list[torch.Tensor]()
        start, hidden = h, u.new_empty(*u.shape[:3], h.shape[-1])
        for t, (drive_r, drive_z) in enumerate(zip(*drives, strict=True)):
            r = sigmoid_(torch.baddbmm(drive_r, h, w_r))
            z = sigmoid_(torch.baddbmm(drive_z, h, w_z))
            g = torch.baddbmm(c_n, h, w_n)
            n = (r * g).baddbmm_(u[t], u_n).tanh_()
            parts += (r, z, g, n) if keeps else ()
            h = torch.lerp(n, h, z, out=hidden[t])
        if keeps:
            ctx.save_for_backward(u, start, hidden, *parts)
            ctx.transposed = [transposed(weight) for weight in weights[:6]]
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of all arguments, in their order."""
        u, start, hidden, *parts = ctx.saved_tensors
        u_r, u_z, u_n, w_r, w_z, w_n = ctx.transposed
        slopes: list[torch.Tensor] = []
        du = u.new_empty(*u.shape[:3], u.shape[-1] - 1) if ctx.needs_input_grad[0] else None
        dh: torch.Tensor | None = None
        for t in reversed(range(len(u))):
            h, (r, z, g, n) = hidden[t - 1] if t else start, parts[4 * t : 4 * t + 4]
            d = d_hidden[t].contiguous() if dh is None else d_hidden[t] + dh
            dh, dr, dz, dn, dg = _carried_back(d, h, r, z, g, n, w_r, w_z, w_n)
            shares = _charged(u[t], h, dr, dz, dn, dg)
            slopes = [slope.add_(share) for slope, share in zip(slopes, shares, strict=True)] if slopes else shares
            if du is not None:
                du[t] = torch.bmm(dr, u_r).baddbmm_(dz, u_z).baddbmm_(dn, u_n)[..., :-1]
        return du, dh, *slopes


def _carried_back(
    d: torch.Tensor, h: torch.Tensor, r: torch.Tensor, z: torch.Tensor, g: torch.Tensor, n: torch.Tensor, *weights: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Return the gradients of h and of what r, z, n and g are functions of, from d, that of h', by W_r, W_z, W_n turned."""
    w_r, w_z, w_n = weights
    dh = d * z
    dn = torch.ops.aten.tanh_backward(d - dh, n)
    dg = dn * r
    dr = torch.ops.aten.sigmoid_backward(dn * g, r)
    dz = torch.ops.aten.sigmoid_backward((h - n).mul_(d), z)
    dh.baddbmm_(dr, w_r).baddbmm_(dz, w_z).baddbmm_(dg, w_n)
    return dh, dr, dz, dn, dg


def _charged(
    u: torch.Tensor, h: torch.Tensor, dr: torch.Tensor, dz: torch.Tensor, dn: torch.Tensor, dg: torch.Tensor
) -> list[torch.Tensor]:
    """Return the gradients of U_r, U_z, U_n, W_r, W_z, W_n and c_n."""
    inputs, hidden = [torch.bmm(u.mT, part) for part in (dr, dz, dn)], [torch.bmm(h.mT, part) for part in (dr, dz, dg)]
    return [*inputs, *hidden, dg.sum(1, keepdim=True)]


def _over_steps(u: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return u W of every step, ``[T R B H]``, by one product."""
    flat, sizes = flattened(u)
    return restored(torch.bmm(flat, weight), sizes)
