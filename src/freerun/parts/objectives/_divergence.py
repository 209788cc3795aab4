"""Divergence of a model's next-symbol distribution Q from the distribution P that an expert gives, at every prediction.

    forward KL       KL(P || Q)                                                      covers all that P can say
    reverse KL       KL(Q || P)                                                      says only what P can say
    Jensen-Shannon   beta KL(P || M) + (1 - beta) KL(Q || M),  M = beta P + (1 - beta) Q,  beta in (0, 1)

(Agarwal et al. 2024, "On-policy distillation of language models", section 2.) Each is 0 for Q = P alone. For values there is
one divergence, the squared error from the expert's value: that of two normal distributions of one variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from jaxtyping import Float

from freerun.arithmetic import logarithm
from freerun.deferred_imports import torch
from freerun.errors import given, require
from freerun.parts.objectives import Answer, Objective

if TYPE_CHECKING:
    from freerun.parts.objectives._experiment_protocol import Experiment

#: What reverse KL takes for the probability of an impossible symbol, whose price would be infinite: its optimum gives such
#: symbols about so much, each.
IMPOSSIBLE = 1e-6


class Divergence(Enum):
    """How far the model's distribution is from the expert's."""

    forward = "forward"
    reverse = "reverse"
    jensen_shannon = "jensen_shannon"


@dataclass(kw_only=True)
class Diverging(Objective):
    """An objective that charges a divergence from what an expert says to what was fed.

    Attributes:
        divergence: `forward` KL, `reverse` KL or `jensen_shannon`; of symbols alone, of values it is the squared error.
        beta: the weight of the expert in the mixture of `jensen_shannon`, in (0, 1); null for 0.5.
    """

    divergence: Divergence = Divergence.forward
    beta: float | None = None

    def __post_init__(self) -> None:
        if self.divergence is not Divergence.jensen_shannon:
            require(self.beta is None, "beta", self.beta, f"be left out: it has no meaning for {self.divergence.value}")
            return
        self.beta = 0.5 if self.beta is None else self.beta
        require(0 < self.beta < 1, "beta", self.beta, "lie strictly between 0 and 1")

    def departure(self, outputs: Float[torch.Tensor, "S R B O"], answer: Answer, symbols: bool) -> torch.Tensor:
        """Return the divergence of every prediction ``[S R B]`` from the answer; 0, without a gradient, where there is none."""
        # Contiguous, so that the gradients of a run have one memory layout alone and in a group.
        known, expected = answer.known.contiguous(), answer.target.contiguous()
        if not symbols:
            target = torch.where(known[..., None], expected.to(outputs.dtype), outputs.detach())
            return (outputs - target).square().mean(-1)
        log_p = torch.where(known[..., None], expected, torch.zeros_like(expected))
        p, log_q = torch.softmax(log_p, -1).to(outputs.dtype), torch.log_softmax(outputs, -1)
        log_p = torch.where(log_p > -torch.inf, log_p, math.log(IMPOSSIBLE)).to(outputs.dtype)
        return torch.where(known, self._between(p, log_p, log_q), 0.0)

    def _between(self, p: torch.Tensor, log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
        if self.divergence is Divergence.forward:
            return (p * (log_p - log_q)).sum(-1)
        q = torch.softmax(log_q, -1)
        if self.beta is None:
            return (q * (log_q - log_p)).sum(-1)
        mixed = self.beta * p + (1 - self.beta) * q
        log_m = logarithm(mixed.clamp(min=torch.finfo(mixed.dtype).tiny))
        return self.beta * (p * (log_p - log_m)).sum(-1) + (1 - self.beta) * (q * (log_q - log_m)).sum(-1)

    def unfit(self, experiment: Experiment) -> str | None:
        """Return why no divergence from an expert can be charged in an experiment, with the remedy; None if it can."""
        if not experiment.task.symbols and self.divergence is not Divergence.forward:
            return f"divergence={self.divergence.value} is one of symbols, that of values is the squared error; leave it out"
        cut = experiment.gradient == "stop" or experiment.training.truncate == 1 or not given(experiment.feedback).carries
        if not cut and not experiment.regime.feeder().forced:
            return "what was fed is data to its expert, through which no gradient runs; choose gradient=stop"
        return None
