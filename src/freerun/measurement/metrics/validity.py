"""Validity of strings: the share of sequences whose every picked symbol is in the language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Metric, Observed
from freerun.store.quantity import SHARE, Quantity


@dataclass(kw_only=True)
class Validity(Metric):
    """The share of sequences in which every symbol that the model picks is admissible after the prefix it was fed.

    In free mode this is the share of generated strings that are valid (a string that the window cuts off counts as valid so
    far); in forced mode the prefixes are the true ones.
    """

    per: ClassVar[str] = "rollout"

    quantity = Quantity(
        label="Share of valid strings",
        unit="share",
        better="higher",
        range=SHARE,
        floor=1.0,
        blind=("how often each string comes",),
    )

    def applies(self, observed: Observed) -> bool:
        return observed.has_oracle and bool((observed.truth().log_probs == -torch.inf).any())

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        truth = observed.truth()
        allowed = truth.log_probs.gather(-1, given(observed.picks)[..., None]).squeeze(-1) > -torch.inf
        fine = torch.where(truth.ended, True, allowed & truth.inside)[observed.warmup :]
        return fine.all(0).double().mean()[None]
