"""Probability that what the model has written has left the source's support.

    1 - sum of Q(y_1, ..., y_l) over the strings that are possible under P

estimated, where strings are too many, by the mean over rollouts of what the model would add to it at step l, which varies less
than counting.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.accumulated_error_estimate import Estimated, half_width
from freerun.measurement.metrics import Observed
from freerun.measurement.metrics._accumulated import OfPrefixes, accumulated
from freerun.store.quantity import ONE_STRING, SHARE, Quantity


@dataclass(kw_only=True)
class LeftSupport(OfPrefixes):
    """The probability that the first l symbols that the model generates are impossible under the source."""

    quantity = Quantity(
        label="Probability of having left the support",
        unit="share",
        better="lower",
        range=SHARE,
        floor=0.0,
        blind=(ONE_STRING,),
    )

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return accumulated(observed).left

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        gathered = accumulated(observed)
        if not isinstance(gathered, Estimated):
            return None
        half = half_width(gathered.left_each)
        return (gathered.left - half).clamp(min=0), (gathered.left + half).clamp(max=1)
