"""Loops for the laws: small sizes, a truth of noise, and models whose every output is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from freerun.engine.rollout import Rollout
from freerun.laws.toolkit import noise
from freerun.parts.layers import Shape, State, Weights
from freerun.parts.models import Model

#: A loop with the arguments of `freerun.engine.rollout.rollout`.
Loop = Callable[..., Rollout]
T, R, B, K = 8, 2, 3, 4


@dataclass(kw_only=True)
class Copies(Model):
    """Its output is its input plus `shift`: whatever the loop feeds can be read off."""

    shift: float = 0.0

    def shapes(self, inputs: int, outputs: int) -> dict[str, Shape]:
        """No weights."""
        return {}

    def start(self, replicas: int, batch: int, like: torch.Tensor) -> State:
        """No state."""
        return ()

    def step(self, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """The input, shifted."""
        return u + self.shift, state

    def unroll(self, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """The inputs, shifted."""
        return u + self.shift, state


class Register(Copies):
    """A shift register: it is sure that the symbol after k is k + 1 (mod K)."""

    def step(self, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """The symbol that follows."""
        return 1000 * u.roll(1, -1), state

    def unroll(self, weights: Weights, u: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """The symbols that follow."""
        return 1000 * u.roll(1, -1), state


def values(steps: int = T, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A truth of noise, and what stands before it."""
    series = noise(steps + 1, R, B, K, seed=seed)
    return series[1:], series[0]


def coins(steps: int = T) -> torch.Tensor:
    """A mask of coins."""
    return (noise(steps, R, B, seed=5) > 0).double()


def filled(share: float, steps: int = T) -> torch.Tensor:
    """A mask of one share."""
    return torch.full((steps, R, B), share, dtype=torch.float64)


def masks(steps: int = T) -> dict[str, torch.Tensor | None]:
    """Masks by the name for a message."""
    return {"no mask": None, "mask 1": filled(1, steps), "mask 0": filled(0, steps), "coins": coins(steps)}
