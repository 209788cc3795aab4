"""Polar form of a diagonal complex recurrence, with its slopes written by hand: lambda = exp(-exp(nu) + i exp(theta)).

See `freerun.parts.models.lru`. Computed in double precision, since the powers of lambda over a long sequence are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from freerun.arithmetic import cosine_and_sine, exponential_anywhere, logarithm

#: Draws are kept so far from 0 and 1, where a logarithm would be infinite.
LEAST = 2.0**-53


@dataclass(frozen=True, kw_only=True)
class Ring:
    """Initial values: lambda uniform over a ring in the complex plane (Orvieto et al. 2023, lemma 3.2), gamma as it asks for.

    Attributes:
        inner, outer: radii.
        phase: the largest angle.
    """

    inner: float
    outer: float
    phase: float

    def __call__(self, draws: np.ndarray) -> np.ndarray:
        """Return rows nu, theta and log(gamma) ``[3 H]`` of draws from U(-1/2, 1/2); the third row of draws is not read."""
        area, angle, _ = torch.from_numpy(draws + 0.5).clamp(LEAST, 1 - LEAST)
        square = self.inner**2 + area * (self.outer**2 - self.inner**2)
        rows = [logarithm(logarithm(square) * -0.5), logarithm(angle * self.phase), logarithm(1 - square) * 0.5]
        return torch.stack(rows).numpy()


class Polar(torch.autograd.Function):
    """Real and imaginary part of lambda, and gamma, ``[R 1 H]`` each, of rows nu, theta and log(gamma) ``[R 3 H]``."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        speed, angle, gamma = exponential_anywhere(rows.double()).chunk(3, 1)
        cosine, sine = cosine_and_sine(angle)
        radius = exponential_anywhere(-speed)
        parts = (radius * cosine, radius * sine, gamma)
        ctx.save_for_backward(speed, angle, *parts)
        return tuple(part.to(rows.dtype, copy=True) for part in parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_real: torch.Tensor, d_imaginary: torch.Tensor, d_gamma: torch.Tensor) -> torch.Tensor:
        """Return the gradient of the rows."""
        speed, angle, real, imaginary, gamma = ctx.saved_tensors
        x, y = d_real.double(), d_imaginary.double()
        slopes = [-speed * (real * x + imaginary * y), angle * (real * y - imaginary * x), gamma * d_gamma.double()]
        return torch.cat(slopes, 1).to(d_real.dtype)
