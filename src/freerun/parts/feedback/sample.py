"""Sample feedback: a symbol drawn from the model's own distribution is fed, as in generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.parts.feedback import Feedback, one_hot
from freerun.parts.gaussians import Head


@dataclass(kw_only=True)
class Sample(Feedback):
    """A symbol drawn from the softmax, by inverting its distribution function at one uniform draw; carries no gradient.

    Also a value drawn from the distribution that a model predicts of it, as under `objective=gaussian_likelihood`.
    """

    for_symbols: ClassVar[bool] = True
    for_distributions: ClassVar[bool] = True
    discrete: ClassVar[bool] = True
    carries: ClassVar[bool] = False
    random: ClassVar[bool] = True

    def reading(self, head: Head | None) -> Feedback:
        from freerun.parts.feedback._of_distribution import DrawFromDistribution

        return self if head is None else DrawFromDistribution(head=head)

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch K"]:
        if uniform is None:
            raise ValueError("sample needs uniform draws")
        logits = outputs.detach()
        return one_hot(drawn(logits, uniform), logits)

    def symbols(self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None) -> Int[torch.Tensor, "*batch"]:
        if uniform is None:
            raise ValueError("sample needs uniform draws")
        return drawn(outputs.detach(), uniform)


def drawn(logits: Float[torch.Tensor, "*batch K"], uniform: Float[torch.Tensor, "*batch"]) -> Int[torch.Tensor, "*batch"]:
    """Return the symbols that uniform draws on [0, 1) take from logits."""
    passed = torch.softmax(logits, -1).cumsum(-1) <= uniform[..., None]
    return passed.sum(-1).clamp(max=logits.shape[-1] - 1)
