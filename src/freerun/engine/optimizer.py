"""Optimizer: Adam and AdamW with a learning rate, decay and clipping norm for each replica."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.parts.layers import per_replica


@dataclass(kw_only=True)
class Adam:
    """Adam and AdamW with a learning rate, a weight decay and a clipping norm for each replica.

    Works on one flat ``[R P]`` tensor. Kingma & Ba 2015, algorithm 1; with `decoupled`, Loshchilov & Hutter 2019, algorithm 2.
    Only products, sums, quotients and `root` are used, which round alike at every position and on every processor.

    Attributes:
        rate, decay: per replica, ``[R 1]``.
        clip: largest gradient norm per replica, ``[R]``; infinite for none.
    """

    rate: Float[torch.Tensor, "R 1"]
    decay: Float[torch.Tensor, "R 1"]
    clip: Float[torch.Tensor, " R"]
    decoupled: bool
    first: Float[torch.Tensor, "R P"]
    second: Float[torch.Tensor, "R P"]
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def norms(self, gradient: Float[torch.Tensor, "R P"]) -> Float[torch.Tensor, " R"]:
        """Return the Euclidean norm of each replica's gradient in double precision; not finite where any entry is not."""
        return per_replica(lambda g: root(g.double().square().sum()), gradient)

    def step(
        self,
        weights: Float[torch.Tensor, "R P"],
        gradient: Float[torch.Tensor, "R P"],
        norms: Float[torch.Tensor, " R"],
        alive: Bool[torch.Tensor, " R"],
        update: int,
        scale: float,
    ) -> Bool[torch.Tensor, " R"]:
        """One update in place; replicas that are not `alive`, or whose weights would not stay finite, keep what they have.

        Args:
            update: i, counted from 0.
            scale: factor on every learning rate, from the schedule.

        Returns:
            Whether the new weights of each replica are finite.
        """
        live = alive[:, None]
        shrink = torch.where(norms > self.clip, self.clip / norms, torch.ones_like(norms)).to(gradient.dtype)
        gradient = torch.where(live, gradient * shrink[:, None], torch.zeros_like(gradient))
        rate = self.rate * scale
        if not self.decoupled:
            gradient = gradient + self.decay * weights
        self.first.mul_(self.beta1).add_(gradient * (1 - self.beta1))
        self.second.mul_(self.beta2).add_(gradient * gradient * (1 - self.beta2))
        mean = self.first / (1 - self.beta1 ** (update + 1))
        spread = root(self.second / (1 - self.beta2 ** (update + 1))) + self.epsilon
        change = rate * (mean / spread)
        if self.decoupled:
            change = change + rate * self.decay * weights
        finite = torch.isfinite(weights - change).all(1)
        weights.sub_(torch.where(live & finite[:, None], change, torch.zeros_like(change)))
        return finite
