"""Feedback rule: phi, from a model's output to its next input."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.parts.gaussians import Head
from freerun.parts.settings import PartType, Shown


@dataclass(kw_only=True)
class Feedback(Shown, metaclass=PartType):
    """A feedback rule. Subclasses are final: one file, one class.

    A subclass declares in its body, as `name = value`, what differs from the default here.

    Attributes:
        for_symbols, for_values: which targets the rule is for: symbols, real values.
        for_distributions: it is for values of which a distribution is predicted (`freerun.parts.gaussians`), and for no
            others.
        discrete: what is fed is one whole symbol, so the prefix of a rollout is a string.
        random: the rule needs one uniform draw for each step of each sequence.
        random_each: it needs one draw for each symbol of each step (a last axis of K) instead.
        carries: what is fed carries a gradient, so that there is one to cut.
        silent: nothing is fed at all.
    """

    for_symbols: ClassVar[bool] = False
    for_values: ClassVar[bool] = False
    for_distributions: ClassVar[bool] = False
    discrete: ClassVar[bool] = False
    random: ClassVar[bool] = False
    random_each: ClassVar[bool] = False
    carries: ClassVar[bool] = True
    silent: ClassVar[bool] = False

    def at(self, progress: float) -> Feedback:
        """Return the rule as it stands at a share of the updates in [0, 1]: a setting that is annealed is resolved."""
        return self

    def reading(self, head: Head | None) -> Feedback:
        """Return the rule for outputs that are read as distributions of values; the rule itself where there is no head."""
        return self

    @abstractmethod
    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch F"]:
        """phi(o). For symbols `outputs` are logits and the result is a distribution over the symbols.

        Args:
            outputs: o_t of any leading shape.
            uniform: draws on [0, 1), given if the rule is `random`: ``[*batch]``, or ``[*batch K]`` if it is `random_each`.
        """

    def symbols(self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None) -> Int[torch.Tensor, "*batch"]:
        """The symbols that a `discrete` rule feeds, as numbers; arguments as for the call."""
        return self(outputs, uniform).argmax(-1)


def one_hot(symbols: Int[torch.Tensor, "*batch"], like: Float[torch.Tensor, "*batch K"]) -> Float[torch.Tensor, "*batch K"]:
    """Return the encoding of symbols as unit vectors, with the width and dtype of `like`; -1 becomes the zero vector."""
    known = (symbols >= 0).to(like.dtype)
    return torch.zeros_like(like).scatter_(-1, symbols.clamp(min=0)[..., None], known[..., None])
