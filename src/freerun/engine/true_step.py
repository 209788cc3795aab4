"""True step of a group's worlds, in scaled units, with its gradient: what the world itself makes of any state.

The derivative of the very steps that made the data, by the complex step: F'(x) e_j = Im F(x + i h e_j) / h, exact to rounding
as nothing is subtracted (Squire & Trapp 1998, "Using complex variables to estimate derivatives of real functions", SIAM Review
40, 110).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch.autograd.function import once_differentiable

from freerun.engine.replicas import Group
from freerun.parts.tasks import Task

#: So small that its square vanishes beside any state.
_STEP = 1e-30


class TrueStep:
    """The true step of every run of a group; each has the scaling of its own data."""

    def __init__(self, group: Group) -> None:
        self.task = group.experiments[0].task
        worlds = [group.data[experiment.seed] for experiment in group.experiments]
        like = torch.zeros(group.outputs, dtype=torch.float64, device=group.device)
        self.mean = torch.stack([like if w.mean is None else w.mean.to(like) for w in worlds])[:, None]
        self.std = torch.stack([like + 1 if w.std is None else w.std.to(like) for w in worlds])[:, None]

    def __call__(self, states: Float[torch.Tensor, "T R B F"]) -> Float[torch.Tensor, "T R B F"]:
        """Return the states one step later, in scaled units; not finite where an orbit leaves every bound."""
        after: torch.Tensor = _Onward.apply(self.task, states.double() * self.std + self.mean)  # type: ignore[no-untyped-call]
        scaled: torch.Tensor = (after - self.mean) / self.std
        return scaled.to(states.dtype)


class _Onward(torch.autograd.Function):
    """One true step of states in the system's own units; no gradient runs from a step that leaves every bound."""

    @staticmethod
    def forward(ctx: Any, task: Task, states: torch.Tensor) -> torch.Tensor:
        """Return the states one step later."""
        ctx.task, ctx.states = task, states
        rows = states.reshape(-1, states.shape[-1]).cpu().numpy()
        return torch.from_numpy(_stepped(task, rows)).reshape(states.shape).to(states.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[None, torch.Tensor]:
        """Return the product of the slope and the Jacobian, a column at a time."""
        width = slope.shape[-1]
        rows, given = (x.reshape(-1, width).cpu().numpy() for x in (ctx.states, slope))
        result = np.zeros_like(given)
        for j in range(width):
            moved = rows.astype(np.complex128)
            moved[:, j] += 1j * _STEP
            with np.errstate(over="ignore", invalid="ignore"):
                column = _stepped(ctx.task, moved).imag / _STEP
                products = [given[:, k] * column[:, k] for k in range(width)]  # in one order, whatever the number of rows
                result[:, j] = sum(products[1:], start=products[0])
        lost = ~np.isfinite(result).all(1)
        result[lost] = 0.0
        return None, torch.from_numpy(result).reshape(slope.shape).to(slope.device)


def _stepped(task: Task, rows: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(task.onward(rows[None]))
