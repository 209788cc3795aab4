"""One-step error at true prefixes and at the model's own: total variation from the truth, whatever was fed.

    F = mean of TV(P(. | prefix), Q(. | prefix)) over live steps, prefixes true
    O = the same, prefixes the model's own; a step whose prefix is outside the source's support counts 1

and max(F, O), by which models are ranked. Each alone can be won: O by a source that hurries into its easiest part (what was
left out is seen by F), F by one that leaves the support (what was made up is seen by O). The truth has 0 in both, and every
other source more. A step is live that is not after the end of its sequence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, NamedTuple

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.accumulated_error_estimate import half_width
from freerun.measurement.metrics import Comparison, Observed, family
from freerun.measurement.metrics._accumulated import step_divergences
from freerun.store.quantity import SHARE, Quantity


class Mean(NamedTuple):
    """A mean and the part of each sequence in its error."""

    value: Float[torch.Tensor, " 1"]
    deviations: Float[torch.Tensor, "1 N"]


@dataclass(kw_only=True)
class OneStepError(Comparison):
    """The largest of some means over live steps, with an interval over sequences."""

    per: ClassVar[str] = "rollout"
    #: Prefixes that are looked at: ``true``, ``own``.
    prefixes: ClassVar[tuple[str, ...]] = ("true", "own")

    quantity = Quantity(
        label="One-step error", unit="total variation", better="lower", range=SHARE, floor=0.0, part="headline",
        blind=("how early a wrong turn is taken",),
    )  # fmt: skip

    def applies(self, observed: Observed) -> bool:
        asked = observed.has_oracle and observed.heard and observed.forced is not None
        return asked and observed.experiment.task.emits == "each"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return torch.stack([mean for mean, _ in self._means(observed)]).amax(0)

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]]:
        """The larger of the lower ends and of the upper ends: at least as wide as it needs to be."""
        ends = [(mean - half_width(deviations), mean + half_width(deviations)) for mean, deviations in self._means(observed)]
        low, high = (torch.stack(side).amax(0).clamp(0, 1) for side in zip(*ends, strict=True))
        return low, high

    def _means(self, observed: Observed) -> list[Mean]:
        seen = {"true": given(observed.forced), "own": observed}
        return [seen[name].once("live_error", partial(_live_error, seen[name])) for name in self.prefixes]


def _live_error(observed: Observed) -> Mean:
    """The mean total variation over live steps; outside the support it is 1."""
    truth, first = observed.truth(), observed.warmup
    live = ~truth.ended[first:]
    error = torch.where(truth.inside, step_divergences(observed)[2], 1.0)[first:]
    error, count = torch.where(live, error, 0.0).sum(0), live.double().sum(0)
    mean = error.sum() / count.sum()
    return Mean(mean[None], ((error - mean * count) / count.mean())[None])


PARTS = family(
    OneStepError,
    {
        "one_step_error": {
            "selects": True,
            "__doc__": "The larger of the one-step errors at true and at own prefixes, in total variation: 0 for the truth.",
        },
        "one_step_error_true": {
            "prefixes": ("true",),
            "quantity": replace(
                OneStepError.quantity, label="One-step error, true prefixes", blind=("what the model makes up",),
                part="companion",
            ),
            "__doc__": "F: the mean total variation to the truth over live steps at true prefixes.",
        },
        "one_step_error_own": {
            "prefixes": ("own",),
            "quantity": replace(
                OneStepError.quantity, label="One-step error, own prefixes", blind=("what the model leaves out",),
                part="companion",
            ),
            "__doc__": "O: the same at the prefixes that the model made itself; outside the source's support it counts 1.",
        },
    },
)  # fmt: skip
