"""Parallel scan: a diagonal linear recurrence over all steps at once, forward and backward.

    h_t = a_t h_{t-1} + b_t

(Blelloch 1990, "Prefix sums and their applications"; Martin & Cundy 2018 for recurrent networks). Each level joins steps in
pairs, b_{2k+1} + a_{2k+1} b_{2k} with the factor a_{2k+1} a_{2k}, solves the recurrence of half the length, and fills in what
lies between: twice the products of a loop, in log2 T levels. The gradient is the same recurrence backward in time,

    g_t = d_t + conj(a_{t+1}) g_{t+1},   db_t = g_t,   da_t = g_t conj(h_{t-1})

Numbers are real, one tensor ``[R T B H]``, or complex, a pair of such tensors. All of it is elementwise sums and products,
which have the same bits for a replica alone and in any group.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

#: Real numbers, or the real and the imaginary parts of complex ones.
Numbers = tuple[torch.Tensor, ...]


def scan(a: Numbers, b: Numbers, start: Numbers) -> Numbers:
    """Return h_t for every step, ``[R T B H]``.

    Args:
        a: the factors ``[R T B H]``; ``[R 1 1 H]`` where they are the same at every step of every sequence.
        b: what each step adds, ``[R T B H]``.
        start: h_{-1}, ``[R B H]``.
    """
    out: Numbers = _Scan.apply(len(a), *a, *b, *start)  # type: ignore[no-untyped-call]
    return out


def _times(a: Numbers, b: Numbers) -> Numbers:
    if len(a) == 1:
        return (a[0] * b[0],)
    (p, q), (x, y) = a, b
    return (p * x).sub_(q * y), (p * y).add_(q * x)


def _conjugate(a: Numbers) -> Numbers:
    return a if len(a) == 1 else (a[0], -a[1])


def _part(a: Numbers, where: slice) -> Numbers:
    """Return some of the steps; all where there is one for all."""
    return tuple(part[:, where] if part.shape[1] > 1 else part for part in a)


def recurrence(a: Numbers, b: Numbers) -> Numbers:
    """h_0 = b_0, h_t = a_t h_{t-1} + b_t; a_0 is not read."""
    steps = b[0].shape[1]
    if steps == 1:
        return b
    pairs, between = steps // 2, (steps - 1) // 2
    odd, even = _part(a, slice(1, None, 2)), _part(a, slice(0, 2 * pairs, 2))
    joined = _times(odd, tuple(part[:, 0 : 2 * pairs : 2] for part in b))
    for part, added in zip(joined, b, strict=True):
        part.add_(added[:, 1::2])
    after = recurrence(_times(odd, even) if pairs > 1 else odd, joined)
    filled = _times(_part(a, slice(2, None, 2)), tuple(part[:, :between] for part in after)) if between else b
    h = tuple(torch.empty_like(part) for part in b)
    for whole, own, late, early in zip(h, b, after, filled, strict=True):
        whole[:, 0] = own[:, 0]
        whole[:, 1::2] = late
        if between:
            torch.add(early, own[:, 2::2], out=whole[:, 2::2])
    return h


class _Scan(torch.autograd.Function):
    """The recurrence as one node of the gradient graph."""

    @staticmethod
    def forward(ctx: Any, count: int, *parts: torch.Tensor) -> Numbers:
        a, b, start = parts[:count], parts[count : 2 * count], parts[2 * count :]
        ctx.constant = a[0].shape[1:3] != b[0].shape[1:3]
        if b[0].shape[1] == 1:
            first = tuple(part[:, None] for part in start)
            h = tuple(x.add_(y) for x, y in zip(_times(a, first), b, strict=True))
            ctx.save_for_backward(*a, *first)
            return h
        factors = a if ctx.constant else tuple(torch.cat([part[:, :1], part], 1) for part in a)
        whole = recurrence(factors, tuple(torch.cat([x[:, None], y], 1) for x, y in zip(start, b, strict=True)))
        ctx.save_for_backward(*a, *(part[:, :-1] for part in whole))
        return tuple(part[:, 1:] for part in whole)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *d: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        count = len(d)
        a, before = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
        if d[0].shape[1] == 1:
            g = d
            first = tuple(part[:, 0] for part in _times(_conjugate(a), g))
        else:
            factors = a if ctx.constant else tuple(torch.cat([part[:, :1], part.flip(1)], 1) for part in a)
            late = tuple(torch.cat([part.flip(1), torch.zeros_like(part[:, :1])], 1) for part in d)
            whole = tuple(part.flip(1) for part in recurrence(_conjugate(factors), late))
            g, first = tuple(part[:, 1:] for part in whole), tuple(part[:, 0] for part in whole)
        slopes: tuple[torch.Tensor | None, ...] = (None,) * count
        if any(ctx.needs_input_grad[1 : count + 1]):
            slopes = _times(g, _conjugate(before))
            if ctx.constant:
                slopes = _summed(slopes)
        return None, *slopes, *g, *first


def _summed(parts: Numbers) -> Numbers:
    """The sum over steps and sequences, ``[R 1 1 H]``; side by side, so that it is no sum of a single column."""
    both = torch.cat(parts if len(parts) > 1 else (parts[0], torch.zeros_like(parts[0])), -1)
    total = both.flatten(1, 2).sum(1, keepdim=True)[:, None]
    return total.chunk(2, -1)[: len(parts)]
