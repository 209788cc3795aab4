"""Continuation error: total variation between the laws of what is written next, the source's and the model's.

    S(h) = TV(P(y_1 .. y_h | prompt), Q(y_1 .. y_h | prompt)) = E_P (1 - Q / P)+ = E_Q (1 - P / Q)+

of whole continuations of h symbols, averaged over prompts. It sees a wrong turn at the first step, after which every step is
right and which `one_step_error` spreads over the horizon; it never falls with h and ends at 1, so that it is taken at a length
`LENGTH` where usual models are told apart, and as a curve over h beside it. Estimated from the rollouts that are there: by the
true continuations, which the model was forced on, and, where what is fed is drawn from the model's own distribution, in equal
shares by the model's. Both estimates are unbiased, lie in [0, 1], and are 0 for the truth whatever is drawn. A continuation is
over with its end symbol. It is the law that the model's outputs speak, also where the feedback rule says something else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from jaxtyping import Bool, Float, Int

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Comparison, Observed
from freerun.measurement.metrics._accumulated import draws_from_softmax, rounding
from freerun.store.quantity import SHARE, Quantity

#: Symbols of a continuation, where the horizon has as many.
LENGTH = 8


@dataclass(kw_only=True)
class OfContinuations(Comparison):
    """A measure of the laws of continuations of h symbols, the source's and the model's."""

    def applies(self, observed: Observed) -> bool:
        return observed.has_oracle and observed.forced is not None and observed.experiment.task.emits == "each"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return self._of_prompts(observed).mean(1)

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]]:
        per_prompt = self._of_prompts(observed)
        mean = per_prompt.mean(1)
        half = half_width(per_prompt - mean[:, None])
        return (mean - half).clamp(min=0), (mean + half).clamp(max=1)

    def _of_prompts(self, observed: Observed) -> Float[torch.Tensor, "S N"]:
        """Return the values of single prompts, whose means over prompts are the measure."""
        per_prompt: torch.Tensor = observed.once("continuations", lambda: _continuations(observed))
        return per_prompt


@dataclass(kw_only=True)
class ContinuationErrors(OfContinuations):
    """Total variation between the laws of continuations of h symbols, the source's and the model's, for every h."""

    quantity = Quantity(
        label="Continuation error by length", unit="total variation", better="lower", range=SHARE, floor=0.0,
        blind=("how wrong a model is that is wrong at once",),
    )  # fmt: skip


@dataclass(kw_only=True)
class ContinuationError(OfContinuations):
    """Total variation between the laws of continuations of 8 symbols, or of the horizon if it is shorter."""

    per: ClassVar[str] = "rollout"

    quantity = replace(
        ContinuationErrors.quantity, label="Continuation error", part="headline",
        blind=(*ContinuationErrors.quantity.blind, f"what comes after {LENGTH} symbols"),
    )  # fmt: skip

    def quantity_of(self, observed: Observed) -> Quantity:
        length = min(LENGTH, len(observed.targets) - observed.warmup)
        return replace(self.quantity, unit=f"{self.quantity.unit}, {length} symbols")

    def _of_prompts(self, observed: Observed) -> Float[torch.Tensor, "S N"]:
        per_prompt = super()._of_prompts(observed)
        return per_prompt[min(LENGTH, len(per_prompt)) - 1][None]


def _continuations(observed: Observed) -> Float[torch.Tensor, "S N"]:
    """(1 - Q / P)+ of the true continuation of every prompt, or its mean with (1 - P / Q)+ of the model's own."""
    forced = given(observed.forced)
    log_p, log_q = _log_chances(forced, forced.targets, forced.weights > 0)
    parts = [_apart(log_q - log_p, forced)]
    if draws_from_softmax(observed):
        log_p, log_q = _log_chances(observed, observed.fed_symbols, torch.ones_like(observed.weights, dtype=torch.bool))
        parts.append(_apart(log_p - log_q, observed))
    return torch.stack(parts).mean(0)


def _log_chances(
    observed: Observed, said: Int[torch.Tensor, "T N"], counts: Bool[torch.Tensor, "T N"]
) -> tuple[Float[torch.Tensor, "S N"], Float[torch.Tensor, "S N"]]:
    """The logarithms of P and Q of the first h symbols after the release that count, for every h."""
    truth, first = observed.truth(), observed.warmup
    live = (counts & ~truth.ended)[first:]
    true = torch.where(truth.inside[..., None], truth.log_probs, -torch.inf)
    log_probs = (true, torch.log_softmax(observed.outputs.double(), -1))
    steps = [log_law[first:].gather(-1, said[first:, :, None])[..., 0] for log_law in log_probs]
    log_p, log_q = (torch.where(live, terms, 0.0).cumsum(0) for terms in steps)
    return log_p, log_q


def _apart(log_ratio: Float[torch.Tensor, "S N"], observed: Observed) -> Float[torch.Tensor, "S N"]:
    """(1 - ratio)+, where differences that rounding can make in as many steps count as 0."""
    apart = (1 - log_ratio.exp()).clamp(min=0)
    steps = torch.arange(1, len(apart) + 1, dtype=apart.dtype)
    return torch.where(apart <= rounding(observed)[2] * steps[:, None], 0.0, apart)


PARTS = {"continuation_error": ContinuationError, "continuation_error_by_length": ContinuationErrors}
