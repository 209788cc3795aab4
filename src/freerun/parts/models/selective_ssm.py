"""Selective state-space model: a diagonal linear recurrence whose rates the input chooses, so that all steps are made at once.

    x_t = silu(a + U u_t),   delta_t = softplus(e + E x_t),   B_t = W_B x_t,   C_t = W_C x_t,
    s_t[n, j] = exp(-exp(A[n, j]) delta_t[j]) s_{t-1}[n, j] + delta_t[j] B_t[n] x_t[j],
    y_t[j] = sum_n C_t[n] s_t[n, j] + D[j] x_t[j],   o_t = c + V (y_t * silu(z + Z u_t)),   silu(x) = x sigmoid(x)

(Gu & Dao 2023, "Mamba: linear-time sequence modeling with selective state spaces", algorithm 2; the transition by zero-order
hold and the drive by Euler's rule, as in the paper's code.) With the truth fed, `unroll` makes it by a
parallel scan (`_selective_scan`).

As there, exp(A[n, j]) starts at n, counted from 1, D at 1, and softplus(e) uniform in its logarithm over [0.001, 0.1]. Not as
there: one block, without the short convolution, without a normalisation and a skip around it; E is a whole matrix and not of
low rank; U and Z are as wide as `hidden`, not twice, and have biases. All other weights start as in `torch.nn.Linear`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from freerun.arithmetic import exponential_anywhere, softplus
from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.parts.layers import Shape, State, Weights, affine, flattened, linear, logistic, project, restored, scaled
from freerun.parts.models import Model

#: Between which values softplus(e) starts.
SLOWEST, FASTEST = 0.001, 0.1


def _rates(draws: np.ndarray) -> np.ndarray:
    """Return A ``[N H]``: the logarithms of 1, 2, ... N in each column; no draw is read."""
    return np.array([[math.log(row + 1)] * draws.shape[1] for row in range(len(draws))])


def _ones(draws: np.ndarray) -> np.ndarray:
    return np.ones_like(draws)


def _steps(draws: np.ndarray) -> np.ndarray:
    """Return e ``[1 H]`` of draws from U(-1/2, 1/2): softplus(e) is log-uniform over [SLOWEST, FASTEST]."""
    steps = [SLOWEST * (FASTEST / SLOWEST) ** (draw + 0.5) for draw in draws[0].tolist()]
    return np.array([[math.log(math.expm1(step)) for step in steps]])


@dataclass(kw_only=True)
class SelectiveSSM(Model):
    """Selective state-space model, made at once under teacher forcing.

    Attributes:
        hidden: H, the width of x_t.
        states: N, how many numbers of the state belong to each entry of x_t.
    """

    hidden: int = 64
    states: int = 8

    def __post_init__(self) -> None:
        require(self.hidden >= 1, "hidden", self.hidden, "be at least 1")
        require(self.states >= 1, "states", self.states, "be at least 1")

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        size, count, bound = self.hidden, self.states, 1 / math.sqrt(self.hidden)
        return {
            **linear("input", inputs, size), **linear("branch", inputs, size),
            "step.weight": Shape(rows=size, columns=size, bound=bound),
            "step.bias": Shape(rows=1, columns=size, bound=0.5, initial=_steps),
            "write": Shape(rows=size, columns=count, bound=bound), "read": Shape(rows=size, columns=count, bound=bound),
            "rates": Shape(rows=count, columns=size, bound=1.0, initial=_rates),
            "skip": Shape(rows=1, columns=size, bound=1.0, initial=_ones),
            **linear("output", size, outputs),
        }  # fmt: skip

    def products(self, inputs: int, outputs: int) -> int:
        # For each number of the state, beside its rate: with the transition, of B with delta x, and with C.
        return super().products(inputs, outputs) + 3 * self.states * self.hidden

    def kept(self, inputs: int, outputs: int) -> int:
        return super().kept(inputs, outputs) + self.states * self.hidden  # in closed loop, the state before each step

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        return (like.new_zeros(replicas, batch, self.states * self.hidden),)

    def unroll(
        self, weights: Weights, u: Float[torch.Tensor, "T R B I"], state: State
    ) -> tuple[Float[torch.Tensor, "T R B O"], State]:
        """Run all steps at once; the state ``[R B NH]`` has the H numbers of n = 1, then those of n = 2, ..."""
        from freerun.parts.models._selective_scan import selective_scan

        flat, sizes = flattened(u)
        x = silu(project(weights, "input", flat))
        delta = softplus(project(weights, "step", x))
        write, read = (affine(x, weights[name], x.new_zeros(len(x), 1, self.states)) for name in ("write", "read"))
        delta, v, write, read = (part.reshape(len(x), *sizes, -1) for part in (delta, delta * x, write, read))
        before = state[0].reshape(*state[0].shape[:2], self.states, self.hidden)
        y, s = selective_scan(delta, v, write, read, exponential_anywhere(weights["rates"]), before)
        y = y.flatten(1, 2) + scaled(x, weights["skip"])
        outputs = project(weights, "output", y * silu(project(weights, "branch", flat)))
        return restored(outputs, sizes), (s.flatten(2),)


def silu(x: torch.Tensor) -> torch.Tensor:
    """Return x sigmoid(x)."""
    return x * logistic(x)
