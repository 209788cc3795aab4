"""Selective scan: the recurrence of a selective state-space model and what is read of it, as one node of the gradient graph.

    s_t[n, j] = exp(-r[n, j] delta_t[j]) s_{t-1}[n, j] + B_t[n] v_t[j],   y_t[j] = sum_n C_t[n] s_t[n, j]

(Gu & Dao 2023, section 3.3.2: neither the N H factors of a step nor its states are kept, only what they are made of; the
gradient makes them again.) The steps go in pieces that a processor's cache holds, by a parallel scan within each. With d the
slope of y, the gradient is

    g_t[n, j] = C_t[n] d_t[j] + exp(-r[n, j] delta_{t+1}[j]) g_{t+1}[n, j],   q_t = g_t exp(-r delta_t) s_{t-1},
    dB_t[n] = sum_j g_t[n, j] v_t[j],   dv_t[j] = sum_n g_t[n, j] B_t[n],   dC_t[n] = sum_j d_t[j] s_t[n, j],
    ddelta_t[j] = -sum_n r[n, j] q_t[n, j],   dr[n, j] = -sum_t delta_t[j] q_t[n, j]

All of it is elementwise, sums by halves included, so that a replica has the same bits alone and in any group.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch.autograd.function import once_differentiable

from freerun.arithmetic import LN2, power_of_two_anywhere
from freerun.parts.models._parallel_scan import recurrence

#: How many numbers of the state a piece has, of one replica; more does not stay in the cache, fewer make too many pieces.
PIECE = 2**18


def selective_scan(
    delta: Float[torch.Tensor, "R T B H"],
    v: Float[torch.Tensor, "R T B H"],
    write: Float[torch.Tensor, "R T B N"],
    read: Float[torch.Tensor, "R T B N"],
    rates: Float[torch.Tensor, "R N H"],
    start: Float[torch.Tensor, "R B N H"],
) -> tuple[Float[torch.Tensor, "R T B H"], Float[torch.Tensor, "R B N H"]]:
    """Return y_t for every step, and the state behind the last.

    Args:
        delta, v, write, read, rates: delta_t, v_t, B_t, C_t and r of the formula.
        start: s_{-1}.
    """
    out: tuple[torch.Tensor, torch.Tensor] = _SelectiveScan.apply(delta, v, write, read, rates, start)  # type: ignore[no-untyped-call]
    return out


def _sum(x: torch.Tensor, axis: int) -> torch.Tensor:
    """The sum over an axis by halves: an order that depends on its length alone."""
    while (length := x.shape[axis]) > 1:
        half = length // 2
        total = x.narrow(axis, 0, half) + x.narrow(axis, half, half)
        if length % 2:
            total.narrow(axis, 0, 1).add_(x.narrow(axis, length - 1, 1))
        x = total
    return x.squeeze(axis)


def _factors(delta: torch.Tensor, rates: torch.Tensor) -> Float[torch.Tensor, "R L B N H"]:
    """Return exp(-r delta_t)."""
    return power_of_two_anywhere(delta[..., None, :] * (rates * (-1 / LN2))[:, None, None])


def _states(factors: torch.Tensor, v: torch.Tensor, write: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Return s_t of a piece that begins behind a state, ``[R L B N H]``."""
    added = write[..., None] * v[..., None, :]
    added[:, 0] += factors[:, 0] * before
    return recurrence((factors,), (added,))[0]


class _SelectiveScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *parts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        (*steps, rates, state), outputs, before = parts, [], []
        ctx.length = max(1, PIECE // state[0].numel())
        for delta, v, write, read in zip(*(torch.split(part, ctx.length, 1) for part in steps), strict=True):
            before.append(state)
            s = _states(_factors(delta, rates), v, write, state)
            outputs.append(_sum(read[..., None] * s, -2))
            state = s[:, -1].clone()
        ctx.save_for_backward(*steps, rates, *before)
        return torch.cat(outputs, 1), state

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: torch.Tensor, carried: torch.Tensor) -> tuple[torch.Tensor, ...]:
        (*steps, rates), before = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        pieces = list(zip(*(torch.split(part, ctx.length, 1) for part in (*steps, d)), before, strict=True))
        slopes, total = [], torch.zeros_like(rates)
        for delta, v, write, read, d_, state in reversed(pieces):
            factors = _factors(delta, rates)
            s = _states(factors, v, write, state)
            g = read[..., None] * d_[..., None, :]
            g[:, -1] += carried
            g = recurrence((torch.cat([factors[:, :1], factors[:, 1:].flip(1)], 1),), (g.flip(1),))[0].flip(1)
            carried = factors[:, 0] * g[:, 0]
            d_read = _sum(s * d_[..., None, :], -1)
            d_write, d_v = _sum(g * v[..., None, :], -1), _sum(g * write[..., None], -2)
            q = factors.mul_(g)
            q[:, 0] *= state
            q[:, 1:] *= s[:, :-1]
            total -= _sum((q * delta[..., None, :]).flatten(1, 2), 1)
            slopes.append((-_sum(q * rates[:, None, None], -2), d_v, d_write, d_read))
        return *(torch.cat(parts[::-1], 1) for parts in zip(*slopes, strict=True)), total, carried
