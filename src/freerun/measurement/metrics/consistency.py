"""Consistency ratios: how much further off a model is after l - 1 symbols of its own than after true ones.

    EB-C(l; kind) = E_{prefix~Q} f_l / E_{prefix~P} f_l        (He et al. 2021, section 4)

in total variation or Jensen-Shannon divergence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.measurement.metrics import Observed, family
from freerun.measurement.metrics._accumulated import OfRatio, accumulated
from freerun.store.quantity import FROM_0, INSIDE_SUPPORT, Quantity


@dataclass(kw_only=True)
class Consistency(OfRatio):
    """EB-C(l; kind) = E_{prefix~Q} f_l / E_{prefix~P} f_l: 1 without exposure bias        (He et al. 2021, section 4)."""

    quantity = Quantity(
        label="EB-C",
        unit="ratio",
        better="neither",
        range=FROM_0,
        part="diagnostic",
        blind=("how large the error under forcing is",),
        conditioned=INSIDE_SUPPORT,
        left_out="left_support",
    )

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return accumulated(observed).eb_c(self.kind)


PARTS = family(
    Consistency,
    {
        f"eb_c_{kind}": {
            "kind": kind, "quantity": replace(Consistency.quantity, label=f"EB-C ({kind.upper()})"),
            "__doc__": f"The consistency ratio in {words} at each step since the release: 1 without exposure bias.",
        }
        for kind, words in (("tv", "total variation"), ("js", "Jensen-Shannon divergence"))
    },
)  # fmt: skip
