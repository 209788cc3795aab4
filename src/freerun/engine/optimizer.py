"""Optimizers: Adam, AdamW and gradient descent with momentum, with a learning rate and a clipping norm for each replica."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Bool, Float

from freerun.arithmetic import root
from freerun.deferred_imports import torch
from freerun.parts.layers import totals

if TYPE_CHECKING:
    from freerun.engine.compiled.library import Library


@dataclass(kw_only=True)
class Descent(ABC):
    """A method of descent on one flat ``[R P]`` tensor, with a learning rate, a weight decay and a clipping norm a replica.

    Only products, sums, quotients and `root` are used, which round alike at every position and on every processor.

    Attributes:
        rate, decay: per replica, ``[R 1]``.
        clip: largest gradient norm per replica, ``[R]``; infinite for none.
    """

    #: The fields that hold what is carried from one update to the next, each ``[R P]``.
    carried: ClassVar[tuple[str, ...]]

    rate: Float[torch.Tensor, "R 1"]
    decay: Float[torch.Tensor, "R 1"]
    clip: Float[torch.Tensor, " R"]

    def state(self) -> dict[str, torch.Tensor]:
        """Return what is carried from one update to the next, by name; the tensors themselves."""
        return {name: getattr(self, name) for name in self.carried}

    def norms(self, gradient: Float[torch.Tensor, "R P"]) -> Float[torch.Tensor, " R"]:
        """Return the Euclidean norm of each replica's gradient in double precision; not finite where any entry is not."""
        return root(totals(gradient.double().square()))

    def step(
        self,
        weights: Float[torch.Tensor, "R P"],
        gradient: Float[torch.Tensor, "R P"],
        norms: Float[torch.Tensor, " R"],
        alive: Bool[torch.Tensor, " R"],
        update: int,
        scale: float | Float[torch.Tensor, "R 1"],
    ) -> Bool[torch.Tensor, " R"]:
        """One update in place; replicas that are not `alive`, or whose weights would not stay finite, keep what they have.

        Args:
            update: i, counted from 0.
            scale: factor on every learning rate, or on that of each replica, from the schedule.

        Returns:
            Whether the new weights of each replica are finite.
        """
        live, shrink = alive[:, None], self._shrink(norms).to(gradient.dtype)
        gradient = torch.where(live, gradient * shrink[:, None], torch.zeros_like(gradient))
        change = self._change(weights, gradient, update, self.rate * scale)
        finite = torch.isfinite(weights - change).all(1)
        weights.sub_(torch.where(live & finite[:, None], change, torch.zeros_like(change)))
        return finite

    def _shrink(self, norms: Float[torch.Tensor, " R"]) -> Float[torch.Tensor, " R"]:
        """Return the factor on each gradient that clips it."""
        return torch.where(norms > self.clip, self.clip / norms, torch.ones_like(norms))

    @abstractmethod
    def _change(
        self, weights: Float[torch.Tensor, "R P"], gradient: Float[torch.Tensor, "R P"], update: int, rate: torch.Tensor
    ) -> Float[torch.Tensor, "R P"]:
        """Return what is taken off the weights, and carry on what is carried."""


@dataclass(kw_only=True)
class Adam(Descent):
    """Adam and AdamW: Kingma & Ba 2015, algorithm 1; with `decoupled`, Loshchilov & Hutter 2019, algorithm 2."""

    carried: ClassVar[tuple[str, ...]] = ("first", "second")

    decoupled: bool
    first: Float[torch.Tensor, "R P"]
    second: Float[torch.Tensor, "R P"]
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def step(
        self,
        weights: Float[torch.Tensor, "R P"],
        gradient: Float[torch.Tensor, "R P"],
        norms: Float[torch.Tensor, " R"],
        alive: Bool[torch.Tensor, " R"],
        update: int,
        scale: float | Float[torch.Tensor, "R 1"],
    ) -> Bool[torch.Tensor, " R"]:
        """Take the step of `Descent`, with the same bits as one compiled operation where that engine is used."""
        from freerun.engine.compiled.descent import Moments, adam

        if (used := _compiled(weights, self.first, self.second)) is None:
            return super().step(weights, gradient, norms, alive, update, scale)
        moments = Moments(
            first=self.first, second=self.second, keep=(self.beta1, self.beta2), epsilon=self.epsilon,
            bias=(1 - self.beta1 ** (update + 1), 1 - self.beta2 ** (update + 1)),
        )  # fmt: skip
        return adam(
            used, weights, gradient, moments, rate=self.rate * scale, decay=self.decay,
            shrink=self._shrink(norms).to(gradient.dtype), alive=alive, decoupled=self.decoupled,
        )  # fmt: skip

    def _change(
        self, weights: Float[torch.Tensor, "R P"], gradient: Float[torch.Tensor, "R P"], update: int, rate: torch.Tensor
    ) -> Float[torch.Tensor, "R P"]:
        if not self.decoupled:
            gradient = gradient + self.decay * weights
        self.first.mul_(self.beta1).add_(gradient * (1 - self.beta1))
        self.second.mul_(self.beta2).add_(gradient * gradient * (1 - self.beta2))
        mean = self.first / (1 - self.beta1 ** (update + 1))
        spread = root(self.second / (1 - self.beta2 ** (update + 1))) + self.epsilon
        change = rate * (mean / spread)
        if self.decoupled:
            change = change + rate * self.decay * weights
        return change


def _compiled(*tensors: Float[torch.Tensor, "R P"]) -> Library | None:
    """Return the library that can take a step of such weights and moments; None where PyTorch has to."""
    from freerun.engine.engine_choice import used

    fits = all(x.is_contiguous() and x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) for x in tensors)
    return used() if fits else None


@dataclass(kw_only=True)
class Momentum(Descent):
    """Stochastic gradient descent with heavy-ball momentum (Polyak 1964), in the form of `torch.optim.SGD`.

        v <- momentum v + gradient + decay w,    w <- w - rate v

    The rate stands outside the velocity, so that a schedule acts at once on all of it (Sutskever et al. 2013 have it inside).

    Attributes:
        momentum: per replica, ``[R 1]``; 0 for plain gradient descent.
    """

    carried: ClassVar[tuple[str, ...]] = ("velocity",)

    momentum: Float[torch.Tensor, "R 1"]
    velocity: Float[torch.Tensor, "R P"]

    def _change(
        self, weights: Float[torch.Tensor, "R P"], gradient: Float[torch.Tensor, "R P"], update: int, rate: torch.Tensor
    ) -> Float[torch.Tensor, "R P"]:
        self.velocity.mul_(self.momentum).add_(gradient + self.decay * weights)
        return rate * self.velocity
